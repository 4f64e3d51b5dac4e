"""A relay of TCP connections that connects to the server from an address of our choice.

A server that delays an address after failures would slow down the checks of wrong passwords. Each of them therefore
uses its own address in 127.0.0.0/8. The relay can also cut or change what passes.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass

from net import HOST


@dataclass(frozen=True)
class Door:
    """The ports of a server, as a client sees them, and the address that the server sees."""

    plain: int
    tls: int
    source: str


@dataclass
class Switch:
    """A port that leads to one server after the other, as the name of a server does that moves."""

    plain: int = 0
    tls: int = 0
    leads_to: int = 0


class Relays:
    """All relays of the run, in one thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._numbers = itertools.count()

    def door(self, server: object) -> Door:
        """An entrance to the server. Its clients use an address that no other entrance uses."""
        number = next(self._numbers)
        source = f"127.1.{number // 200}.{number % 200 + 1}"
        plain, tls = (self._open(lambda port=port: port, source) for port in (server.plain, server.tls))  # type: ignore[attr-defined]
        return Door(plain, tls, source)

    def switch(self) -> Switch:
        """A port that leads nowhere yet."""
        switch = Switch()
        switch.plain = self._open(lambda: switch.leads_to, HOST)
        return switch

    def _open(self, port: Callable[[], int], source: str) -> int:
        return asyncio.run_coroutine_threadsafe(self._listen(port, source), self._loop).result(10)

    async def _listen(self, port: Callable[[], int], source: str) -> int:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                there = await asyncio.open_connection(HOST, port(), local_addr=(source, 0))
            except OSError:
                writer.close()
                return
            await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))

        server = await asyncio.start_server(connected, HOST, 0)
        return server.sockets[0].getsockname()[1]


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
