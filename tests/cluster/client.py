"""A POP3 client on asyncio, which may leave at any time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

from chaos import reset
from net import HOST

# Clients have addresses of their own, so that no limit for one address applies.
_sources = itertools.count()


class Lost(Exception):
    """The connection has ended, or the client did not want to wait any longer."""


class Client:
    """One connection. Nothing here is retried."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: float) -> None:
        self._reader, self._writer, self._patience = reader, writer, patience
        self._buffer = b""

    @staticmethod
    async def connect(port: int, patience: float, header: bool = False) -> Client:
        """A connection whose greeting is read. With `header`, it comes like one through a proxy."""
        number = next(_sources)
        source = f"127.{100 + number // 62500 % 100}.{number // 250 % 250}.{1 + number % 250}"
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection(HOST, port, local_addr=(source, 0)), patience)
        except (OSError, asyncio.TimeoutError) as error:
            raise Lost(str(error)) from error
        client = Client(reader, writer, patience)
        if header:
            writer.write(f"PROXY TCP4 {source} {HOST} 40000 110\r\n".encode())
        try:
            greeting = await client.line()
        except Lost:
            client.leave()
            raise
        if not greeting.startswith(b"+OK"):
            client.leave()
            raise Lost(greeting.decode(errors="replace"))
        return client

    async def _more(self) -> None:
        try:
            got = await asyncio.wait_for(self._reader.read(65536), self._patience)
        except (OSError, asyncio.TimeoutError) as error:
            raise Lost(type(error).__name__) from error
        if not got:
            raise Lost("the end of the connection")
        self._buffer += got

    async def line(self) -> bytes:
        """The next line, without its end."""
        while b"\r\n" not in self._buffer:
            await self._more()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def send(self, *commands: str) -> None:
        self._writer.write("".join(f"{command}\r\n" for command in commands).encode())

    async def say(self, command: str) -> bytes:
        """Sends a command and returns the first line of the reply."""
        self.send(command)
        return await self.line()

    async def log_in(self, user: str, password: str) -> bytes:
        """The reply to PASS, or to USER if that is refused."""
        reply = await self.say(f"USER {user}")
        return await self.say(f"PASS {password}") if reply.startswith(b"+OK") else reply

    async def body(self) -> bytes:
        """The rest of a reply of several lines, without its terminator and the stuffed dots."""
        data, begin = bytearray(b"\r\n" + self._buffer), 0
        while (end := data.find(b"\r\n.\r\n", begin)) < 0:
            begin = max(0, len(data) - 4)
            self._buffer = b""
            await self._more()
            data += self._buffer
        self._buffer = bytes(data[end + 5 :])
        return bytes(data[: end + 2]).replace(b"\r\n..", b"\r\n.")[2:]

    async def listing(self, command: str) -> dict[int, str]:
        """The reply to UIDL or LIST, by number."""
        reply = await self.say(command)
        if not reply.startswith(b"+OK"):
            raise Lost(f"{command}: {reply.decode(errors='replace')}")
        rows = (line.split(" ", 1) for line in (await self.body()).decode().splitlines())
        return {int(number): value for number, value in rows}

    def leave(self) -> None:
        """Ends the connection with RST."""
        reset(self._writer)

    async def close(self) -> None:
        """Ends the connection as usual."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
