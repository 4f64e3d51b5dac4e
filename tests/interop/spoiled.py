"""Planted faults: a server whose replies are changed on their way, or whose Maildir is changed. The test must notice each."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from net import HOST
from twins import Server

# What is changed in the lines that the server sends; None drops the line.
Change = Callable[[bytes], bytes | None]


def _larger(line: bytes) -> bytes:
    return re.sub(rb"^(\+OK [0-9]+) ([0-9]+)\r\n", lambda found: b"%s %d\r\n" % (found[1], int(found[2]) + 1), line)


CHANGES: dict[str, Change] = {
    "sizes that are too large by one": _larger,
    "no response codes": lambda line: line.replace(b"-ERR [AUTH] ", b"-ERR "),
    "a message that does not exist and is marked": lambda line: line.replace(b"-ERR no such message", b"+OK no such message"),
    "lines with a dot too few": lambda line: line[1:] if line.startswith(b"..") else line,
    "lines of messages that are lost": lambda line: None if line == b"text\r\n" else line,
    "unique-ids that are all the same": lambda line: re.sub(rb"^(\+OK )?([0-9]+) [0-9a-f]{32}\r\n", rb"\g<1>\2 0000\r\n", line),
    "a greeting of its own": lambda line: line.replace(b"+OK localhost", b"-ERR localhost"),
    "a reply to what came after QUIT": lambda line: line + b"-ERR unknown command\r\n" if line == b"+OK bye\r\n" else line,
}


def _lose(maildir: Path) -> None:
    for path in sorted(maildir.glob("[nc][eu][wr]/[0-9]*"))[:1]:
        path.unlink()


def _flip(maildir: Path) -> None:
    for path in sorted(maildir.glob("[nc][eu][wr]/[0-9]*"))[:1]:
        path.write_bytes(path.read_bytes()[:-1] + b"?")


# What is changed in our Maildir at the end of each session.
DAMAGES: dict[str, Callable[[Path], None]] = {
    "a message that is lost": _lose,
    "a message with another last octet": _flip,
}


class Spoiled:
    """The server, behind a proxy that changes what it sends in plain text. It ends with this program."""

    def __init__(self, server: Server, change: Change) -> None:
        self.tls = server.tls
        self.log = server.log
        self.maildir = server.maildir
        self._port = server.plain
        self._change = change
        self._listener = socket.create_server((HOST, 0))
        self.plain: int = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            client, (source, _) = self._listener.accept()
            # From the client's address, because the server slows down addresses.
            server = socket.create_connection((HOST, self._port), source_address=(source, 0))
            for run, *between in ((self._forward, client, server), (self._spoil, server, client)):
                threading.Thread(target=run, args=between, daemon=True).start()

    @staticmethod
    def _forward(client: socket.socket, server: socket.socket) -> None:
        try:
            while octets := client.recv(65536):
                server.sendall(octets)
        except OSError:
            pass
        try:
            server.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _spoil(self, server: socket.socket, client: socket.socket) -> None:
        buffer = b""
        is_tls = False
        try:
            while octets := server.recv(65536):
                buffer += octets
                # A TLS record begins with an octet that begins no reply. From then on, everything is passed on as it is.
                is_tls = is_tls or buffer[0] in (0x15, 0x16)
                if is_tls:
                    client.sendall(buffer)
                    buffer = b""
                    continue
                *lines, buffer = buffer.split(b"\n")
                changed = [self._change(line + b"\n") for line in lines]
                client.sendall(b"".join(line for line in changed if line is not None))
        except OSError:
            pass
        finally:
            for one in (client, server):
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                one.close()
