"""The sessions of `toy`: what a server does with connections and commands."""

from __future__ import annotations

import argparse
import base64
import ipaddress
import os
import queue
import re
import socket
import ssl
import threading
import time
from collections import Counter
from pathlib import Path

from toy_maildrop import LEAKED, NEVER, WEAK, Connection, End, log, quoted

LINE, DISCARDED, REFUSAL, BAD = 1024, 65536, b"-ERR [AUTH] wrong name or password", 10
one_at_a_time, all_wait = threading.Lock(), threading.Lock()


class Server:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.users = options, {}
        self.read_users()
        self.lock = threading.Lock()
        self.silent: list[Session] = []
        self.open: set[Session] = set()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(options.tls_cert, options.tls_key)
        if "renegotiates" in WEAK:
            self.tls.options = (self.tls.options & ~ssl.OP_NO_RENEGOTIATION) | 1 << 8
        self.tickets = "nobody"

    def read_users(self) -> None:
        rows = [line.partition(":{PLAIN}") for line in Path(self.options.users).read_text().splitlines()]
        if all(row[1] for row in rows) or "trusts-reload" in WEAK:
            self.users = {row[0].encode(): row[2].encode() for row in rows}
            log("reloaded the users file")
        else:
            log("the old settings are kept")

    def accept(self, listener: socket.socket, implicit: bool) -> None:
        while True:
            sock, peer = listener.accept()
            sock.settimeout(self.options.login_timeout)
            session = Session(self, sock, peer[0], implicit)
            if "leaks-descriptors" in WEAK:
                LEAKED.append(os.dup(sock.fileno()))
            if "handshake-first" in WEAK and implicit and not session.secured():
                continue
            threading.Thread(target=session.run, daemon=True).start()

    def admit(self, session: Session) -> bool:
        """Closes a connection without a login if there are too many."""
        with self.lock:
            if len(self.open) >= self.options.max_connections:
                if not self.silent or "keeps-the-silent" in WEAK:
                    return False
                most = Counter(one.peer for one in self.silent).most_common(1)[0][0]
                victim = next(one for one in self.silent if one.peer == most)
                self.silent.remove(victim)
                self.open.discard(victim)
                victim.given_up = True
                try:
                    victim.socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            self.open.add(session)
            self.silent.append(session)
            return True


class Session(Connection):
    def __init__(self, server: Server, sock: socket.socket, peer: str, implicit: bool) -> None:
        self.server, self.socket, self.peer, self.implicit = server, sock, peer, implicit
        self.buffer, self.user, self.name, self.maildrop = b"", b"", b"-", None
        self.failures = self.bad = 0
        self.given_up = False
        self.deadline = time.monotonic() + server.options.login_timeout
        self.maildrops = Path(server.options.maildrops)
        self.messages: list[Path] = []
        self.sizes: list[int] = []
        self.marked: set[int] = set()
        self.out: queue.Queue[bytes] | None = None
        self.drained = threading.Event()
        self.maildir = Path()

    # Octets

    def secured(self) -> bool:
        if self.implicit and "clear-text" in WEAK and self.socket.recv(1, socket.MSG_PEEK) != b"\x16":
            return True
        try:
            self.socket = self.server.tls.wrap_socket(self.socket, server_side=True)
        except (OSError, ValueError):
            self.socket.close()
            return False
        assert isinstance(self.socket, ssl.SSLSocket)
        if "logs-in-by-ticket" in WEAK and self.socket.session_reused:
            self.open_maildrop(self.server.tickets)
        return True

    def more(self) -> None:
        if self.maildrop is None:
            left = self.deadline - time.monotonic()
            if left <= 0 and "waits-for-ever" not in WEAK:
                raise End
            self.socket.settimeout(NEVER if "waits-for-ever" in WEAK else left)
        else:
            self.socket.settimeout(NEVER)
        try:
            got = self.socket.recv(16384)
        except ssl.SSLError:
            if "hangs" in WEAK:
                time.sleep(NEVER)
            raise
        if not got:
            if "removes-at-the-end" in WEAK:
                self.remove()
            raise End
        self.buffer += got

    def line(self) -> bytes:
        while b"\n" not in self.buffer:
            if len(self.buffer) > LINE and "no-line-limit" not in WEAK:
                if "splits-lines" in WEAK:
                    line, self.buffer = self.buffer[:LINE], self.buffer[LINE:]
                    return line
                self.too_long()
                continue
            if "one-at-a-time" in WEAK:
                with one_at_a_time:
                    self.more()
            else:
                self.more()
        line, _, self.buffer = self.buffer.partition(b"\n")
        if len(line) > LINE + 1 and "no-line-limit" not in WEAK:
            if "splits-lines" in WEAK:
                line, self.buffer = line[:LINE], line[LINE:] + b"\n" + self.buffer
                return line
            self.say(b"-ERR too long")
            return self.line()
        return line.removesuffix(b"\r")

    def too_long(self) -> None:
        self.say(b"-ERR too long")
        dropped = 0
        while b"\n" not in self.buffer:
            dropped += len(self.buffer)
            self.buffer = b""
            if dropped > DISCARDED:
                raise End
            self.more()
        self.buffer = self.buffer.partition(b"\n")[2]

    def send(self, octets: bytes) -> None:
        if "reads-on" in WEAK:
            if self.out is None:
                self.out = queue.Queue()
                threading.Thread(target=self.drain, daemon=True).start()
            self.out.put(octets)
        else:
            self.socket.sendall(octets)

    def drain(self) -> None:
        assert self.out
        try:
            while octets := self.out.get():
                self.socket.sendall(octets)
        except OSError:
            pass
        self.drained.set()

    # The session

    def run(self) -> None:
        begun = time.monotonic()
        lock, end = None, "closed by the client"
        try:
            if not self.server.admit(self):
                self.say(b"-ERR [SYS/TEMP] too many connections")
                return
            if ipaddress.ip_address(self.peer) in self.server.options.proxy_from:
                self.header()
            if self.implicit and not isinstance(self.socket, ssl.SSLSocket) and not self.secured():
                return
            self.say(b"+OK ready")
            if "leaks-memory" in WEAK:
                LEAKED.append(b"x" * 1_000_000)
            while True:
                self.command(self.line())
        except End:
            pass
        except (OSError, ValueError):
            end = "error"
        finally:
            lock = self.maildrop
            if lock is not None:
                os.close(lock)
            if "locks-by-file" in WEAK and self.maildrop is not None:
                (self.maildir / "locked").unlink(missing_ok=True)
            with self.server.lock:
                self.server.open.discard(self)
                if self in self.server.silent:
                    self.server.silent.remove(self)
            if self.out is not None:
                self.out.put(b"")
                self.drained.wait(60)
            try:
                self.socket.close()
            except OSError:
                pass
            log(f'session session=1 peer={self.peer} user={quoted(self.name)} seconds={time.monotonic() - begun:.3f} end="{end}"')

    def header(self) -> None:
        """A PROXY header, of which nothing is used."""
        self.deadline = time.monotonic() + 5
        while len(self.buffer) < 16:
            self.more()
        if self.buffer.startswith(b"\r\n\r\n\0\r\nQUIT\n"):
            length = int.from_bytes(self.buffer[14:16], "big")
            if not (self.buffer[12] in (0x20, 0x21) and self.buffer[13] == 0x11 and length == 12) and "lenient-header" not in WEAK:
                raise End
            while len(self.buffer) < 16 + length:
                self.more()
            self.buffer = self.buffer[16 + length :]
        else:
            while b"\n" not in self.buffer and len(self.buffer) < 107:
                self.more()
            line, _, self.buffer = self.buffer.partition(b"\n")
            found = re.fullmatch(rb"PROXY TCP4 [\d.]+ [\d.]+ \d{1,4} \d{1,4}\r", line)
            if not found and not ("lenient-header" in WEAK and line.startswith(b"PROXY")):
                raise End
        self.deadline = time.monotonic() + self.server.options.login_timeout

    def refuse(self, fixed: bytes = REFUSAL) -> None:
        self.failures += 1
        if "no-delay" not in WEAK:
            with all_wait if "all-wait" in WEAK else threading.Lock():
                time.sleep(NEVER if "all-wait" in WEAK else 1.01 * 2 ** (self.failures - 1))
        self.say(fixed)
        if self.failures >= 3 and "no-delay" not in WEAK:
            raise End

    def wrong(self) -> None:
        self.bad += 1
        self.say(b"-ERR bad command")
        if self.bad >= BAD and "no-bad-limit" not in WEAK:
            raise End

    def command(self, line: bytes) -> None:
        word, _, rest = line.partition(b" ")
        handler = getattr(self, "do_" + word.decode("latin-1").lower(), None) if word.isalpha() else None
        if self.given_up or b"\0" in line and "lenient-numbers" not in WEAK:
            return self.wrong()
        if word.upper() in (b"PROXY", b"XCLIENT") and "believes-proxies" in WEAK:
            self.peer = "192.0.2.1"
            return self.say(b"+OK")
        if handler is None or (self.maildrop is None) != (word.upper() in (b"USER", b"PASS", b"AUTH", b"STLS", b"CAPA", b"QUIT")):
            if handler is None or word.upper() not in (b"CAPA", b"QUIT"):
                return self.wrong()
        self.bad = 0 if self.maildrop is not None else self.bad
        return handler(rest)

    def do_capa(self, _: bytes) -> None:
        self.send(b"+OK\r\nUSER\r\nUIDL\r\nTOP\r\nSTLS\r\nSASL PLAIN\r\n.\r\n")

    def do_stls(self, _: bytes) -> None:
        self.say(b"+OK begin")
        kept = (self.buffer, self.user)
        self.buffer = self.user = b""
        if not self.secured():
            raise End
        if "keeps-input" in WEAK:
            self.buffer, self.user = kept

    def do_user(self, name: bytes) -> None:
        if "tells-names" in WEAK and name not in self.server.users:
            return self.say(b"-ERR no such user")
        self.user = name
        return self.say(b"+OK")

    def do_pass(self, password: bytes) -> None:
        name, self.user = self.user, b""
        if name:
            self.login(name, password)
        else:
            self.wrong()

    def do_auth(self, rest: bytes) -> None:
        words = rest.split()
        if not words or words[0].upper() != b"PLAIN" or len(words) > 2:
            return self.wrong()
        if len(words) == 1:
            self.say(b"+ ")
            words.append(self.line())
        try:
            authority, name, password = base64.b64decode(words[1], validate=True).split(b"\0")
        except ValueError:
            return self.wrong()
        if authority not in (b"", name):
            return self.refuse()
        return self.login(name, password)

    def login(self, name: bytes, password: bytes) -> None:
        self.name = name
        if "all-wait" in WEAK:
            with all_wait:
                pass
        path = name.decode(errors="surrogateescape")
        if "names-are-paths" in WEAK:
            path = os.path.normpath(path)
        if self.server.users.get(path.encode(errors="surrogateescape")) != password:
            log(f"login refused session=1 peer={self.peer} user={quoted(name)}")
            return self.refuse()
        if not self.open_maildrop(path):
            return self.refuse(b"-ERR [IN-USE] in use")
        with self.server.lock:
            self.server.tickets = path
            if self in self.server.silent:
                self.server.silent.remove(self)
        return self.say(b"+OK welcome")
