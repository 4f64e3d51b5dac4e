"""A client that does what it is told, also what no honest client would do."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from types import TracebackType

from basics import PATIENCE, Failed


def trusting() -> ssl.SSLContext:
    """TLS that believes any certificate: the battery judges the server, not its name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def connect(host: str, port: int, source: str | None = None, window: int | None = None) -> socket.socket:
    """A connection, from this address, with a receive buffer of this size."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(PATIENCE)
        if window:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        if source:
            # Otherwise a port would be reserved for the address, whoever the peer is.
            sock.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)
            sock.bind((source, 0))
        sock.connect((host, port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        sock.close()
        raise
    return sock


class Session:
    """One connection, which sends and reads lines. Each wait has an end."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._buffer = b""
        self._ended = False

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def send(self, octets: bytes) -> bool:
        """Sends the octets. Says whether the connection still took them."""
        try:
            self.socket.sendall(octets)
            return True
        except TimeoutError as late:
            raise Failed(f"the server reads nothing for {PATIENCE:.0f} s") from late
        except OSError:
            return False

    def more(self) -> bool:
        """Reads some octets. False at the end of the connection."""
        if self._ended:
            return False
        try:
            got = self.socket.recv(65536)
        except TimeoutError as late:
            raise Failed(f"the server says nothing for {PATIENCE:.0f} s, after {self._buffer[-60:]!r}") from late
        except OSError:
            got = b""
        self._buffer += got
        self._ended = not got
        return bool(got)

    def gather(self, octets: int) -> bool:
        """Reads until so many octets wait to be taken as lines and messages. False if the connection ends before."""
        parts, size = [self._buffer], len(self._buffer)
        while size < octets:
            self._buffer = b""
            if not self.more():
                break
            parts.append(self._buffer)
            size += len(self._buffer)
        self._buffer = b"".join(parts)
        return size >= octets

    def line(self) -> bytes:
        """The next line, without its end. Empty at the end of the connection."""
        while b"\n" not in self._buffer:
            if not self.more():
                rest, self._buffer = self._buffer, b""
                return rest
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.removesuffix(b"\r")

    def say(self, line: str | bytes) -> bytes:
        """Sends a line and returns the first line of the reply."""
        self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.line()

    def good(self, line: str | bytes) -> bytes:
        """The same. Fails if the reply is not `+OK`."""
        reply = self.say(line)
        if not reply.startswith(b"+OK"):
            shown = line if isinstance(line, str) else repr(line)
            raise Failed(f"{'PASS' if shown.startswith('PASS') else shown}: {reply!r}")
        return reply

    def lines(self) -> list[bytes] | None:
        """The rest of a reply of several lines, without the stuffed dots. None if the connection ends before it does."""
        lines = []
        while True:
            while b"\n" not in self._buffer:
                if not self.more():
                    return None
            line, _, self._buffer = self._buffer.partition(b"\n")
            line = line.removesuffix(b"\r")
            if line == b".":
                return lines
            lines.append(line[1:] if line.startswith(b".") else line)

    def message(self) -> bytes | None:
        """The message that has begun, as it was sent, without the stuffed dots. None if it ends without its terminator."""
        # A terminator may come first.
        data, begin = bytearray(b"\r\n" + self._buffer), 0
        while (end := data.find(b"\r\n.\r\n", begin)) < 0:
            begin = max(0, len(data) - 4)
            self._buffer = b""
            if not self.more():
                return None
            data += self._buffer
        self._buffer = bytes(data[end + 5 :])
        return bytes(data[: end + 2]).replace(b"\r\n..", b"\r\n.")[2:]

    def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        parts = [self._buffer]
        while True:
            self._buffer = b""
            if not self.more():
                return b"".join(parts)
            parts.append(self._buffer)

    def ended(self) -> bool:
        """Waits for the end of the connection. False if something else comes first."""
        return not self._buffer and not self.more()

    def log_in(self, name: str, password: str) -> bytes:
        """The reply to PASS, or to USER if that is refused."""
        reply = self.say(f"USER {name}")
        return self.say(f"PASS {password}") if reply.startswith(b"+OK") else reply

    def secure(self, context: ssl.SSLContext | None = None) -> None:
        """TLS from here on. What was received before and not read is dropped."""
        self._buffer = b""
        try:
            self.socket = (context or trusting()).wrap_socket(self.socket, server_hostname="localhost")
        except TimeoutError as late:
            raise Failed(f"no handshake for {PATIENCE:.0f} s") from late

    def half_close(self, how: int = socket.SHUT_WR) -> None:
        """Ends one direction, or both. The server may have been faster."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(how)

    def reset(self) -> None:
        """Ends the connection with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        try:
            if isinstance(self.socket, ssl.SSLSocket):
                # Without this, the descriptor stays open while the object lives.
                self.socket.setblocking(False)
            self.socket.close()
        except OSError:
            pass
