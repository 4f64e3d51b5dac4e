#!/usr/bin/python3
"""A POP3 client with the SASL of GNU SASL, Cyrus SASL or aiosasl, and the TLS of pyOpenSSL.

It reads one JSON object from standard input, logs in, and prints the number of messages. If the login is refused, it
prints the reply and exits with 1. If the server does not prove its identity or violates the protocol, it exits with 2.

    {"port": 110, "mode": "stls", "ca": "ca.pem", "engine": "gsasl", "mechanism": "SCRAM-SHA-256-PLUS",
     "binding": "tls-exporter", "user": "alice", "password": "secret"}

Further keys: "tls" ("1.2" or "1.3"), "cert" and "key" (of the client), "token".
"""

from __future__ import annotations

import asyncio
import base64
import ctypes
import hashlib
import json
import socket
import sys
from collections.abc import Iterator

from OpenSSL import SSL, crypto

HOST = "127.0.0.1"
SECONDS = 60
# RFC 5034 section 4: the AUTH line contains the initial response if it does not get longer than this.
LINE = 255


class Refused(Exception):
    """The server refused."""


class Broken(Exception):
    """The server violated the protocol."""


class Pop:
    """The connection: lines, STLS and AUTH."""

    def __init__(self, asked: dict) -> None:
        self.asked = asked
        self.stream = socket.create_connection((HOST, asked["port"]), timeout=SECONDS)
        self.buffer = b""
        if asked["mode"] == "tls":
            self.start_tls()
        self.reply()
        if asked["mode"] == "stls":
            self.command(b"STLS")
            self.start_tls()
        self.command(b"CAPA")
        self.capabilities = [line.split() for line in iter(self.line, b".")]
        self.offered = next((line[1:] for line in self.capabilities if line[0] == b"SASL"), [])

    def start_tls(self) -> None:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        version = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}[self.asked.get("tls", "1.3")]
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
        context.load_verify_locations(self.asked["ca"])
        context.set_verify(SSL.VERIFY_PEER)
        if self.asked.get("cert"):
            context.use_certificate_chain_file(self.asked["cert"])
            context.use_privatekey_file(self.asked["key"])
        self.stream.settimeout(None)
        secure = SSL.Connection(context, self.stream)
        secure.set_connect_state()
        secure.do_handshake()
        self.stream = secure

    def binding(self, name: str) -> bytes:
        """The channel binding of the connection (RFC 5929, RFC 9266)."""
        if name == "tls-exporter":
            return self.stream.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
        if name == "tls-unique":
            return self.stream.get_finished()
        certificate = self.stream.get_peer_certificate()
        hashed = certificate.get_signature_algorithm().decode().lower().partition("with")[0].removeprefix("ecdsa-with-")
        return hashlib.new("sha256" if hashed in ("md5", "sha1") else hashed,
                           crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)).digest()

    def line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            try:
                got = self.stream.recv(65536)
            except SSL.Error as error:
                raise Broken(f"the connection ended: {error}") from error
            if not got:
                raise Broken("the connection ended")
            self.buffer += got
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def send(self, line: bytes) -> None:
        self.stream.sendall(line + b"\r\n")

    def reply(self) -> bytes:
        line = self.line()
        if line.startswith(b"-ERR"):
            raise Refused(line.decode(errors="replace"))
        if not line.startswith(b"+OK"):
            raise Broken(f"neither +OK nor -ERR: {line!r}")
        return line

    def command(self, line: bytes) -> bytes:
        self.send(line)
        return self.reply()

    def challenge(self) -> bytes | None:
        """The next challenge. None when the exchange has succeeded."""
        line = self.line()
        if line.startswith(b"+OK"):
            return None
        if line.startswith(b"-ERR"):
            raise Refused(line.decode(errors="replace"))
        if not line.startswith(b"+ "):
            raise Broken(f"no challenge: {line!r}")
        return base64.b64decode(line[2:], validate=True)

    def start(self, mechanism: str, initial: bytes | None) -> bytes | None:
        """Sends AUTH, with the initial response if it fits."""
        if mechanism.encode() not in self.offered:
            raise Broken(f"{mechanism} is not offered: {self.offered}")
        line = b"AUTH " + mechanism.encode()
        if initial is None:
            self.send(line)
            return self.challenge()
        inline = line + b" " + (base64.b64encode(initial) or b"=")
        if len(inline) + 2 <= LINE:
            self.send(inline)
            return self.challenge()
        self.send(line)
        if self.challenge() != b"":
            raise Broken("a challenge where the client begins")
        return self.respond(initial)

    def respond(self, response: bytes) -> bytes | None:
        self.send(base64.b64encode(response))
        return self.challenge()


def converse(pop: Pop, mechanism: str, steps: Iterator[bytes]) -> None:
    """Runs an exchange. The steps take a challenge and return a response. None asks whether they are satisfied."""
    next(steps)
    server_first = mechanism in ("LOGIN", "CRAM-MD5")
    challenge = pop.start(mechanism, None if server_first else steps.send(b""))
    while challenge is not None:
        challenge = pop.respond(steps.send(challenge))
    if next(steps, None) is not None:
        raise Broken("the server said +OK before its turn to prove itself")


# GNU SASL


def gsasl_steps(pop: Pop, asked: dict) -> Iterator[bytes]:
    lib = ctypes.CDLL("libgsasl.so.18")
    lib.gsasl_strerror.restype = ctypes.c_char_p
    context, session, out, length = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_size_t()

    def call(name: str, *arguments: object) -> int:
        code = getattr(lib, name)(*arguments)
        if code not in (0, 1):
            raise Broken(f"GNU SASL: {name}: {lib.gsasl_strerror(code).decode()}")
        return code

    call("gsasl_init", ctypes.byref(context))
    call("gsasl_client_start", context, asked["mechanism"].encode(), ctypes.byref(session))
    properties = {1: asked["user"], 3: asked["password"], 4: "guest@localhost", 5: "pop", 6: "localhost"}
    if asked.get("binding"):
        number = {"tls-unique": 18, "tls-exporter": 25}[asked["binding"]]
        properties[number] = base64.b64encode(pop.binding(asked["binding"])).decode()
    if asked["mechanism"] == "EXTERNAL":
        properties = {2: ""}
    for number, text in properties.items():
        lib.gsasl_property_set(session, number, text.encode())
    code = 1
    challenge = yield b""
    while challenge is not None:
        if code == 1:
            code = call("gsasl_step", session, challenge, ctypes.c_size_t(len(challenge)), ctypes.byref(out),
                        ctypes.byref(length))
        else:
            length.value = 0
        challenge = yield ctypes.string_at(out, length.value)
    if code == 1:
        yield b"not done"


# Cyrus SASL


class _Interact(ctypes.Structure):
    _fields_ = [("id", ctypes.c_ulong), ("challenge", ctypes.c_char_p), ("prompt", ctypes.c_char_p),
                ("default", ctypes.c_char_p), ("result", ctypes.c_void_p), ("len", ctypes.c_uint)]


class _Callback(ctypes.Structure):
    _fields_ = [("id", ctypes.c_ulong), ("proc", ctypes.c_void_p), ("context", ctypes.c_void_p)]


class _Binding(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("critical", ctypes.c_int), ("len", ctypes.c_ulong), ("data", ctypes.c_char_p)]


def cyrus_steps(pop: Pop, asked: dict) -> Iterator[bytes]:
    lib = ctypes.CDLL("libsasl2.so.2")
    lib.sasl_errdetail.restype = ctypes.c_char_p
    user, name, password = 0x4001, 0x4002, 0x4004
    callbacks = (_Callback * 4)(*[_Callback(one, None, None) for one in (user, name, password)], _Callback(0, None, None))
    answers = {user: b"", name: asked["user"].encode(), password: asked["password"].encode()}
    if asked["mechanism"] == "ANONYMOUS":
        answers[name] = b"guest@localhost"
    connection, prompts = ctypes.c_void_p(), ctypes.POINTER(_Interact)()
    out, length, chosen = ctypes.c_void_p(), ctypes.c_uint(), ctypes.c_char_p()
    kept = []

    def call(function: str, *arguments: object) -> int:
        while True:
            code = getattr(lib, function)(*arguments)
            if code in (0, 1):
                return code
            if code != 2:
                detail = lib.sasl_errdetail(connection).decode(errors="replace") if connection else ""
                raise Broken(f"Cyrus SASL: {function}: {code} {detail}")
            at = 0
            while prompts[at].id:
                kept.append(ctypes.create_string_buffer(answers[prompts[at].id]))
                prompts[at].result = ctypes.cast(kept[-1], ctypes.c_void_p)
                prompts[at].len = len(answers[prompts[at].id])
                at += 1

    call("sasl_client_init", callbacks)
    call("sasl_client_new", b"pop", b"localhost", None, None, callbacks, 0, ctypes.byref(connection))
    if asked["mechanism"] == "EXTERNAL":
        strength = ctypes.c_uint(256)
        call("sasl_setprop", connection, 100, ctypes.byref(strength))
        call("sasl_setprop", connection, 102, asked["user"].encode())
    if asked.get("binding"):
        data = pop.binding(asked["binding"])
        binding = _Binding(asked["binding"].encode(), 1, len(data), data)
        call("sasl_setprop", connection, 21, ctypes.byref(binding))
    code = call("sasl_client_start", connection, asked["mechanism"].encode(), ctypes.byref(prompts), ctypes.byref(out),
                ctypes.byref(length), ctypes.byref(chosen))
    challenge = yield b""
    if out.value is not None:
        challenge = yield ctypes.string_at(out, length.value)
    while challenge is not None:
        length.value = 0
        if code == 1:
            code = call("sasl_client_step", connection, challenge, len(challenge), ctypes.byref(prompts),
                        ctypes.byref(out), ctypes.byref(length))
        challenge = yield ctypes.string_at(out, length.value) if length.value else b""
    if code == 1:
        yield b"not done"


# aiosasl


def by_aiosasl(pop: Pop, asked: dict) -> None:
    import aiosasl

    class Binding(aiosasl.channel_binding.ChannelBindingProvider):
        cb_name = asked.get("binding", "").encode()

        def extract_cb_data(self) -> bytes:
            return pop.binding(asked["binding"])

    class Interface(aiosasl.SASLInterface):
        async def initiate(self, mechanism: str, payload: bytes | None = None) -> tuple:
            return self.state(pop.start(mechanism, payload))

        async def respond(self, payload: bytes) -> tuple:
            return self.state(pop.respond(payload))

        async def abort(self) -> tuple:
            raise Broken("aiosasl gave the exchange up")

        def state(self, challenge: bytes | None) -> tuple:
            if challenge is None:
                return aiosasl.SASLState.SUCCESS, None
            return aiosasl.SASLState.CHALLENGE, challenge

    async def credentials() -> tuple[str, str]:
        return asked["user"], asked["password"]

    async def run() -> None:
        mechanism = asked["mechanism"]
        if mechanism == "PLAIN":
            client = aiosasl.PLAIN(credentials)
        elif mechanism == "ANONYMOUS":
            client = aiosasl.ANONYMOUS("guest@localhost")
        elif mechanism.endswith("-PLUS"):
            client = aiosasl.SCRAMPLUS(credentials, Binding())
        else:
            client = aiosasl.SCRAM(credentials)
        token = client.any_supported([mechanism])
        if not token:
            raise Broken(f"aiosasl has no {mechanism}")
        try:
            await client.authenticate(aiosasl.SASLStateMachine(Interface()), token)
        except aiosasl.SASLError as error:
            raise Broken(f"aiosasl: {error}") from error

    asyncio.run(run())


# Tokens, by hand


def token_steps(_pop: Pop, asked: dict) -> Iterator[bytes]:
    bearer = "auth=Bearer " + asked["token"]
    if asked["mechanism"] == "XOAUTH2":
        first = f"user={asked['user']}\x01{bearer}\x01\x01"
    else:
        first = f"n,a={asked['user']},\x01host=localhost\x01port={asked['port']}\x01{bearer}\x01\x01"
    yield b""
    challenge = yield first.encode()
    if challenge is not None:
        # The server's reasons. It sends -ERR after the response to them (RFC 7628 section 3.2.3).
        if "status" not in json.loads(challenge):
            raise Broken(f"no status: {challenge!r}")
        yield b"\x01" if asked["mechanism"] == "OAUTHBEARER" else b""
        raise Broken("a login after an error")


def main() -> int:
    asked = json.load(sys.stdin)
    try:
        pop = Pop(asked)
        if asked["engine"] == "aiosasl":
            by_aiosasl(pop, asked)
        else:
            steps = {"gsasl": gsasl_steps, "cyrus": cyrus_steps, "token": token_steps}[asked["engine"]]
            converse(pop, asked["mechanism"], steps(pop, asked))
        count = pop.command(b"STAT").split()[1].decode()
        pop.command(b"QUIT")
    except Refused as refused:
        print(refused)
        return 1
    except Broken as broken:
        print(broken)
        return 2
    print(count)
    return 0


if __name__ == "__main__":
    sys.exit(main())
