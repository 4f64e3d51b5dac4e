"""What does not belong into TLS, or before it."""

from __future__ import annotations

import os
import random
import select
import shutil
import socket
import ssl
import subprocess

from arena import Arena, Server
from basics import PATIENCE, Failed, Skipped, attack, must
from crowds import hello
from session import Session, trusting


class Records:
    """TLS on a connection, record by record, so that others can be put between them."""

    def __init__(self, session: Session, version: ssl.TLSVersion | None = None) -> None:
        context = trusting()
        if version:
            context.maximum_version = version
        self.plain = session.socket
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    def _run(self, call: object, *arguments: object) -> bytes:
        while True:
            try:
                result = call(*arguments)  # type: ignore[operator]
                self.plain.sendall(self.outgoing.read())
                return result if isinstance(result, bytes) else b""
            except ssl.SSLWantReadError:
                self.plain.sendall(self.outgoing.read())
                got = self.plain.recv(65536)
                if got:
                    self.incoming.write(got)
                else:
                    self.incoming.write_eof()

    def handshake(self) -> None:
        self._run(self.tls.do_handshake)

    def send(self, octets: bytes) -> None:
        self._run(self.tls.write, octets)

    def receive(self) -> bytes:
        """Some octets; nothing at the end."""
        try:
            return self._run(self.tls.read, 65536)
        except TimeoutError as late:
            raise Failed(f"the server neither speaks nor ends for {PATIENCE:.0f} s") from late
        except (ssl.SSLError, ConnectionError):
            return b""

    def rest(self) -> bytes:
        rest = b""
        while got := self.receive():
            rest += got
        return rest


@attack("an attacker on the network, before TLS", "commands in clear text in the same packet as STLS, or just behind it",
        "none of them is answered within TLS, no part of a line survives, and no name either", "tls")
def clear_text_behind_stls_is_not_believed(arena: Arena) -> str:
    server = arena.serve()
    owner = server.owner
    injected = [b"CAPA\r\n", b"NOOP\r\n" * 100, b"QUIT\r\n", b"X", b"X\r", b"US", b"AUTH PLAIN\r\n", b"\r\n", b"STLS\r\n",
                f"USER {owner.name}\r\nPASS {owner.password}\r\nSTAT\r\n".encode(), f"USER {owner.name}\r\n".encode()]
    ends = 0
    for number, octets in enumerate(injected):
        for apart in (False, True):
            with server.session(number) as session:
                session.send(b"STLS\r\n" + (b"" if apart else octets))
                must(session.line().startswith(b"+OK"), "STLS is refused")
                if apart:
                    session.send(octets)
                try:
                    session.secure()
                except (ssl.SSLError, ConnectionError):
                    ends += 1
                    continue
                # A name would be one of before.
                if octets.startswith(b"USER"):
                    session.send(f"PASS {owner.password}\r\n".encode())
                    must(not session.line().startswith(b"+OK"), "a name from before TLS is believed")
                session.send(b"QUIT\r\n")
                said = session.rest()
                must(not said or (said.startswith(b"+OK") and said.count(b"\n") == 1), f"{octets[:20]!r} is answered within TLS: {said[:200]!r}")
    with server.session(99) as session:
        session.say(f"USER {owner.name}")
        session.good("STLS")
        session.secure()
        must(not session.say(f"PASS {owner.password}").startswith(b"+OK"), "a name from before TLS is believed")
    return f"{2 * len(injected)} connections, of which {ends} ended"


def ends(session: Session) -> bytes:
    """All that the server sends when nothing more will come."""
    session.half_close()
    return session.rest()


@attack("anyone who connects", "what is no handshake, or a broken one: other protocols, SSL 2, heartbeats, records of a wrong length",
        "the connection ends, others are served", "tls")
def junk_instead_of_a_handshake_ends_the_connection(arena: Arena) -> str:
    server = arena.serve("--max-connections-per-ip", "1000")
    good, chance = hello(), random.Random(7)
    junk = [b"GET / HTTP/1.1\r\n\r\n", b"QUIT\r\n" * 1000, b"\x80\x2e\x01\x00\x02" + b"\0" * 44, b"\x16\x03\x01\xff\xff" + b"x" * 70000,
            b"\x16\x03\x01\x00\x00" * 5000, b"\x18\x03\x02\x00\x03\x01\x40\x00", b"\x15\x03\x01\x00\x02\x02\x28", b"\x15\x03\x03\x00\x02\x01\x00" * 2000,
            b"\x14\x03\x03\x00\x01\x01" * 2000, b"\x17\x03\x03\x40\x00" + b"x" * 16384, good[:5] + b"\xff" * (len(good) - 5), good[:40] + good,
            b"".join(good[:3] + b"\x00\x01" + good[at : at + 1] for at in range(5, len(good)))[:-6]]
    for _ in range(arena.many(20, 500)):
        broken = bytearray(good)
        for _ in range(chance.randrange(1, 6)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        junk.append(bytes(broken))
    for number, octets in enumerate(junk):
        for stls in (False, True):
            with server.raw(number, tls=not stls) as session:
                if stls:
                    session.line()
                    must(session.say("STLS").startswith(b"+OK"), "STLS is refused")
                session.send(octets)
                said = ends(session)
                must(b"+OK" not in said and b"-ERR" not in said, f"an answer in clear text to {octets[:20]!r}: {said[:80]!r}")
        if number % 20 == 0:
            server.honest()
    return f"{2 * len(junk)} connections"


@attack("an attacker on the network", "records in clear text within TLS: commands, a new ClientHello, alerts, data that nobody encrypted, early data",
        "the connection ends, and no command in them is executed", "tls")
def junk_within_tls_is_not_believed(arena: Arena) -> str:
    server = arena.serve("--max-connections-per-ip", "1000")
    record = b"\x17\x03\x03\x00\x06QUIT\r\n"
    tried = 0
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for octets in (b"QUIT\r\n", record, hello(), b"\x15\x03\x03\x00\x02\x02\x0a", b"\x16\x03\x03\x00\x04\0\0\0\0", b"\x17\x03\x03\xff\xff", record * 1000):
            with server.raw(tried, tls=True) as session:
                records = Records(session, version)
                records.handshake()
                must(records.receive().startswith(b"+OK"), "no greeting")
                session.send(octets)
                try:
                    session.socket.shutdown(socket.SHUT_WR)
                    said = records.rest()
                except (OSError, ssl.SSLError):
                    said = b""
                must(b"+OK" not in said, f"{octets[:20]!r} in clear text is answered: {said!r}")
                tried += 1
    # Data behind the ClientHello, before the handshake is complete.
    for octets in (record, b"QUIT\r\n", b"\x14\x03\x03\x00\x01\x01" + record, record * 1000):
        with server.raw(tried, tls=True) as session:
            session.send(hello() + octets)
            said = ends(session)
            must(b"+OK" not in said and b"-ERR" not in said, f"{octets[:20]!r} before the handshake is answered: {said[:80]!r}")
            tried += 1
    return f"{tried} connections"


@attack("a user with an earlier session", "resumes the TLS of a session that was logged in",
        "the new session is not logged in", "tls")
def resumed_tls_carries_no_login(arena: Arena) -> str:
    server = arena.serve()
    resumed = 0
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = trusting()
        context.minimum_version = context.maximum_version = version
        with server.session(1, tls=True) as _, server.raw(2, tls=True) as session:
            session.secure(context)
            must(session.line().startswith(b"+OK"), "no greeting")
            must(session.log_in(server.owner.name, server.owner.password).startswith(b"+OK"), "the owner cannot log in")
            session.good("STAT")
            assert isinstance(session.socket, ssl.SSLSocket)
            ticket = session.socket.session
            session.good("QUIT")
        with server.raw(3, tls=True) as again:
            again.socket = context.wrap_socket(again.socket, server_hostname="localhost", session=ticket)
            assert isinstance(again.socket, ssl.SSLSocket)
            resumed += bool(again.socket.session_reused)
            must(again.line().startswith(b"+OK"), "no greeting")
            must(again.say("STAT").startswith(b"-ERR"), "a resumed session is logged in")
    return f"{resumed} of 2 sessions resumed"


@attack("anyone who connects", "asks for a new handshake within TLS 1.2, again and again",
        "it is refused, and others are served", "tls")
def renegotiation_is_refused(arena: Arena) -> str:
    if not shutil.which("openssl"):
        raise Skipped("needs the program openssl")
    server: Server = arena.serve()
    command = ["openssl", "s_client", "-tls1_2", "-connect", f"{server.host}:{server.tls}"]
    out, asked, before = b"", 0, 0
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
        assert client.stdin and client.stdout
        try:
            # It takes R as a command if nothing else is in its input, and says so. A handshake that is refused may leave it
            # waiting for ever.
            while asked < 20 and not server.given_up(lambda seconds: select.select([client.stdout], [], [], seconds)[0], client.pid):
                got = os.read(client.stdout.fileno(), 65536)
                if not got:
                    break
                out += got
                # Each handshake shows the certificate once more.
                if b"+OK" in out and out.count(b"depth=0") > before:
                    before = out.count(b"depth=0")
                    client.stdin.write(b"R\n")
                    client.stdin.flush()
                    asked += 1
        except BrokenPipeError:
            pass
        finally:
            client.kill()
            client.wait(PATIENCE)
    must(asked, f"no greeting: {out[-300:]!r}")
    must(asked < 20, "the server renegotiates as often as it is asked")
    server.honest()
    return f"refused after {asked}"
