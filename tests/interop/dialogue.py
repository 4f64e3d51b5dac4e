"""One connection of the differential test: sends octets, reads a reply for each line, and writes a transcript."""

from __future__ import annotations

import random
import re
import socket
import ssl
import struct
import time
from dataclasses import dataclass

from net import HOST

# A server that has not replied after this time hangs.
REPLY_SECONDS = 120
CLOSED = "closed"
MULTI_LINE = (b"CAPA", b"RETR", b"TOP")
# These have a multi-line reply only without an argument.
MULTI_LINE_ALONE = (b"LIST", b"UIDL", b"AUTH")
SHOWN = 160


class Hangs(Exception):
    """A server owes a reply and does not send it."""


@dataclass(frozen=True)
class Reply:
    """What a server answered to one line: the status, its response code and text, and the lines after it."""

    status: str
    text: bytes = b""
    code: str = ""
    # As they were on the wire, each with its line end, and without the final dot.
    lines: tuple[bytes, ...] | None = None

    @property
    def is_positive(self) -> bool:
        return self.status == "+OK"

    @property
    def unstuffed(self) -> bytes:
        """The content as a client reads it: without the first dot of each line that begins with one."""
        return b"".join(line[1:] if line.startswith(b".") else line for line in self.lines or ())

    def __str__(self) -> str:
        if self.status == CLOSED:
            return "(closed)"
        first = f"{self.status} [{self.code}]" if self.code else self.status
        return first if self.lines is None else f"{first} and {len(self.lines)} lines, {len(self.unstuffed)} octets"


class Dialogue:
    """A connection to a server."""

    def __init__(self, name: str, port: int, source: str, tls: ssl.SSLContext | None, context: ssl.SSLContext) -> None:
        self.name = name
        self.transcript: list[str] = []
        self.is_closed = False
        self.is_tls = False
        self._context = context
        self._buffer = bytearray()
        self._socket: socket.socket = socket.create_connection((HOST, port), REPLY_SECONDS, (source, 0))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.begin_tls()

    def note(self, text: str) -> None:
        self.transcript.append(text)

    def begin_tls(self) -> None:
        """The handshake. What the server sent before it must not be taken for a reply after it."""
        if self._buffer:
            self.note(f"   (before TLS, the server sent {bytes(self._buffer)!r})")
            self._buffer.clear()
        self._socket = self._context.wrap_socket(self._socket, server_hostname="localhost")
        self.is_tls = True
        self.note("-- TLS")

    def send(self, octets: bytes, pieces: list[int]) -> None:
        """Sends the octets, cut at these places, each piece in a segment of its own if the system lets us."""
        edges = [0, *pieces, len(octets)]
        for line in re.findall(rb"[^\n]*\n|[^\n]+$", octets):
            self.note(f"C: {_shown(line)}")
        try:
            for start, end in zip(edges, edges[1:]):
                if start:
                    # Lets the server read the last piece alone, most of the time. Nothing depends on it.
                    time.sleep(0.0005)
                self._socket.sendall(octets[start:end])
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            # The server has closed. What it sent before is still to be read.
            self.note("   (the server no longer reads)")

    def half_close(self) -> None:
        self.note("-- end of the client's octets")
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self, reset: bool) -> None:
        """Closes the connection, with a RST segment if that is asked for."""
        self.note("-- reset by the client" if reset else "-- closed by the client")
        if reset:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        self.is_closed = True
        try:
            self._socket.close()
        except OSError:
            pass

    def reply(self, line: bytes, raw_first: bool = False) -> Reply:
        """Reads the reply to this line. With `raw_first`, a dot in the first octet of the content is not stuffed."""
        first = self._line()
        if first is None:
            self.note("S: (closed)")
            return Reply(CLOSED)
        self.note(f"S: {_shown(first)}")
        status, _, text = first.rstrip(b"\r\n").partition(b" ")
        code = re.match(rb"\[([A-Za-z0-9/-]+)[^]]*\]", text)
        lines = self._content(raw_first) if status == b"+OK" and has_content(line) else None
        return Reply(status.decode("latin-1"), text, code[1].decode().upper() if code else "", lines)

    def rest(self) -> bytes:
        """Reads until the server closes. Returns what it sent."""
        while self._receive():
            pass
        rest = bytes(self._buffer)
        self._buffer.clear()
        self.note(f"S: {_shown(rest)} (closed)" if rest else "S: (closed)")
        return rest

    def _content(self, raw_first: bool) -> tuple[bytes, ...] | None:
        lines: list[bytes] = []
        while (line := self._line()) != b".\r\n" or (raw_first and not lines):
            if line is None:
                self.note(f"   ({len(lines)} lines, then closed)")
                return (*lines, b"(cut off)")
            lines.append(line)
        for line in lines[:4]:
            self.note(f"S: {_shown(line)}")
        if len(lines) > 4:
            self.note(f"S: ... {len(lines)} lines in all")
        self.note("S: .")
        return tuple(lines)

    def _line(self) -> bytes | None:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if not self._receive():
                if self._buffer:
                    rest = bytes(self._buffer)
                    self._buffer.clear()
                    return rest
                return None
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        return line

    def _receive(self) -> bool:
        if self.is_closed:
            return False
        try:
            got = self._socket.recv(65536)
        except TimeoutError as late:
            raise Hangs(f"{self.name} did not answer within {REPLY_SECONDS} s") from late
        except (OSError, ssl.SSLError):
            got = b""
        if not got:
            self.close()
        self._buffer += got
        return bool(got)


def has_content(line: bytes) -> bool:
    """Whether a positive reply to this line has several lines."""
    words = line.upper().split(b" ")
    return words[0] in MULTI_LINE or (words[0] in MULTI_LINE_ALONE and not any(words[1:]))


def random_pieces(rng: random.Random, octets: bytes) -> list[int]:
    """Where to cut the octets: mostly nowhere, sometimes at a few places, rarely after each octet."""
    chance = rng.random()
    if chance < 0.6 or len(octets) < 2:
        return []
    if chance < 0.64 and len(octets) < 60:
        return list(range(1, len(octets)))
    return sorted(rng.sample(range(1, len(octets)), min(len(octets) - 1, rng.randint(1, 3))))


def _shown(octets: bytes) -> str:
    text = repr(octets)[2:-1].removesuffix("\\r\\n")
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(octets)} octets)"
