"""A link between a node and its database that can be disturbed: a TCP proxy on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import socket
import struct
from collections.abc import Callable, Coroutine

from net import HOST

PIECE = 65536
# The commit of a session is recognised by the name of a table that no other statement writes.
COMMIT = b"INSERT INTO pop3_commits"


class Link:
    """Passes connections on to two ports. What happens to the octets is decided for each piece anew."""

    def __init__(self, name: str, targets: tuple[int, int], rng: random.Random) -> None:
        self.name, self.targets, self.rng = name, targets, rng
        # Of statements, and of the connection by which a node shows that it lives.
        self.port = self.own_port = 0
        self.pairs: set[Pair] = set()
        # Seconds by which each piece is late.
        self.delay = 0.0
        # Nothing is read while this is not set.
        self.open = asyncio.Event()
        self.open.set()
        # New connections are closed at once.
        self.refuses = False
        # Once, for the next commit: "request" is lost, or its "reply", or only a part of it arrives and then nothing more.
        self.loses = ""
        self.lost = asyncio.Event()
        # Held while something is done to the link.
        self.busy = asyncio.Lock()
        self._servers: list[asyncio.Server] = []

    async def start(self) -> None:
        for target in self.targets:
            self._servers.append(await asyncio.start_server(functools.partial(self._accept, target), HOST, 0))
        self.port, self.own_port = (server.sockets[0].getsockname()[1] for server in self._servers)

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        self.drop()

    async def _accept(self, target: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            reset(writer)
            return
        pair = Pair(self, target, reader, writer)
        self.pairs.add(pair)
        try:
            # At the end of the run, asyncio would say that it was cancelled.
            with contextlib.suppress(asyncio.CancelledError):
                await pair.run()
        finally:
            self.pairs.discard(pair)

    def drop(self) -> None:
        """Ends all connections with RST."""
        for pair in list(self.pairs):
            pair.reset()

    def half_close(self, toward_database: bool) -> None:
        """Ends one direction of all connections. The other one still works."""
        for pair in list(self.pairs):
            pair.half_close(toward_database)

    def stall(self) -> None:
        """Stops reading, in both directions and on new connections: a network that swallows everything."""
        self.open.clear()

    def heal(self) -> None:
        """Everything is passed on at once, also what waited."""
        self.delay, self.refuses, self.loses = 0.0, False, ""
        self.open.set()

    def lose(self, what: str) -> asyncio.Event:
        """Loses the "request" or the "reply" of the next commit, or passes on a "part" of it and stalls. Returns what is set when that has happened."""
        self.lost, self.loses = asyncio.Event(), what
        return self.lost


class Pair:
    """One connection through the link."""

    def __init__(self, link: Link, target: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.link, self.target, self.near, self.near_writer = link, target, reader, writer
        self.far_writer: asyncio.StreamWriter | None = None
        self.deaf = False
        self.ended = False
        # Directions that are closed: what comes for them is dropped.
        self.closed: set[asyncio.StreamWriter] = set()

    async def run(self) -> None:
        try:
            await self.link.open.wait()
            far, self.far_writer = await asyncio.open_connection(HOST, self.target)
        except OSError:
            self.reset()
            return
        if self.ended:
            self.reset()
            return
        await asyncio.gather(self._pump(self.near, self.far_writer, self._request), self._pump(far, self.near_writer, self._reply))
        self.reset()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passed: Callable[[bytes], Coroutine[None, None, bytes]]) -> None:
        try:
            while not self.ended:
                # A stalled link does not read, so that the sender's buffers fill.
                await self.link.open.wait()
                piece = await reader.read(PIECE)
                await self.link.open.wait()
                if not piece:
                    break
                if self.link.delay:
                    await asyncio.sleep(self.link.delay)
                piece = await passed(piece)
                if piece and writer not in self.closed:
                    writer.write(piece)
                    await writer.drain()
            self._close(writer)
        except OSError:
            self.reset()

    async def _request(self, piece: bytes) -> bytes:
        loses = self.link.loses
        if not loses or COMMIT not in piece:
            return piece
        self.link.loses = ""
        if loses == "reply":
            self.deaf = True
            return piece
        if loses == "part" and self.far_writer:
            self.far_writer.write(piece[: self.link.rng.randrange(len(piece))])
            self.link.stall()
        else:
            self.reset()
        self.link.lost.set()
        await self.link.open.wait()
        self.reset()
        return b""

    async def _reply(self, piece: bytes) -> bytes:
        if self.deaf:
            # The database has answered, so the commit is done.
            self.reset()
            self.link.lost.set()
            return b""
        return piece

    def half_close(self, toward_database: bool) -> None:
        writer = self.far_writer if toward_database else self.near_writer
        if writer:
            self._close(writer)

    def _close(self, writer: asyncio.StreamWriter) -> None:
        self.closed.add(writer)
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof()

    def reset(self) -> None:
        self.ended = True
        for writer in (self.near_writer, self.far_writer):
            if writer:
                reset(writer)


def reset(writer: asyncio.StreamWriter) -> None:
    """Closes the connection with RST, whatever was not sent yet."""
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        if sock and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
