"""Disturbs nodes, links, the database and HAProxy until the run is over."""

from __future__ import annotations

import asyncio
import random
import signal

from chaos import Link
from cluster import Cluster, Node
from ledger import Ledger
from stores import PostgresStore

# Longer than a node may be silent before others take over its maildrops.
LONG = (31, 45)


class Disturber:
    """Each of its tasks has a part of the cluster for itself."""

    def __init__(self, cluster: Cluster, ledger: Ledger, rng: random.Random, over: asyncio.Event) -> None:
        self.cluster, self.ledger, self.rng, self.over = cluster, ledger, rng, over

    def tasks(self) -> list[asyncio.Task[None]]:
        running = [self._nodes(node) for node in self.cluster.nodes]
        running += [self._links(link) for link in self.cluster.links]
        running.append(self._haproxy())
        if self.cluster.lmtp:
            running.append(self._lmtp())
        if isinstance(self.cluster.store, PostgresStore):
            running.append(self._database(self.cluster.store))
        return [asyncio.create_task(one) for one in running]

    def killing(self) -> list[asyncio.Task[None]]:
        """Only kills the nodes, one time after the other."""
        return [asyncio.create_task(self._kill(node)) for node in self.cluster.nodes]

    async def _kill(self, node: Node) -> None:
        while True:
            await self._for(self.rng.uniform(0, 0.5))
            if self.over.is_set():
                return
            async with node.busy:
                self.ledger.event(f"kill -9: {node.name}")
                await node.end(signal.SIGKILL)
                node.start()
                await node.listens()

    async def _for(self, seconds: float) -> None:
        """Lets it be as it is for so long, or until the run is over."""
        try:
            await asyncio.wait_for(self.over.wait(), seconds)
        except asyncio.TimeoutError:
            pass

    def _long(self) -> bool:
        return self.rng.random() < 0.06

    async def _nodes(self, node: Node) -> None:
        rng = self.rng
        while True:
            await self._for(rng.uniform(1, 10))
            if self.over.is_set():
                return
            async with node.busy:
                what = rng.choice(["kill -9", "kill -9", "SIGTERM", "SIGSTOP", "SIGSTOP"])
                if what == "SIGSTOP":
                    seconds = rng.uniform(*LONG) if self._long() else rng.uniform(0.1, 6)
                    self.ledger.event(f"SIGSTOP: {node.name} for {seconds:.1f} s")
                    node.signal(signal.SIGSTOP)
                    await self._for(seconds)
                    node.signal(signal.SIGCONT)
                    continue
                self.ledger.event(f"{what}: {node.name}")
                # A drain lasts until the sessions are over, so it is cut short.
                if what == "SIGTERM":
                    node.signal(signal.SIGTERM)
                    await self._for(rng.uniform(0, 3))
                await node.end(signal.SIGKILL)
                await self._for(rng.choice([0, rng.uniform(0, 3)]))
                node.start()
                await node.listens()

    async def _links(self, link: Link) -> None:
        rng = self.rng
        while True:
            await self._for(rng.uniform(0.5, 6))
            if self.over.is_set():
                return
            async with link.busy:
                await self._link(link)

    async def _link(self, link: Link) -> None:
        rng, seconds = self.rng, 0.0
        what = rng.choice(["drop", "half close", "half close", "delay", "stall", "refuse", "lose", "lose"])
        if what == "drop":
            link.drop()
        elif what == "half close":
            link.half_close(rng.random() < 0.5)
        elif what == "lose":
            link.lose(rng.choice(["request", "reply", "reply", "part"]))
            seconds = rng.uniform(0.5, 3)
        else:
            seconds = rng.uniform(*LONG) if what == "stall" and self._long() else rng.uniform(0.2, 4)
            if what == "delay":
                link.delay = rng.uniform(0.02, 0.5)
            elif what == "stall":
                link.stall()
            else:
                link.refuses = True
                link.drop()
        self.ledger.event(f"link {what}: {link.name} for {seconds:.1f} s")
        await self._for(seconds)
        if what in ("lose", "stall") and rng.random() < 0.5:
            link.drop()
        link.heal()

    async def _haproxy(self) -> None:
        while True:
            await self._for(self.rng.uniform(2, 15))
            if self.over.is_set():
                return
            self.ledger.event("HAProxy reload")
            self.cluster.reload()

    async def _lmtp(self) -> None:
        while True:
            await self._for(self.rng.uniform(1, 12))
            if self.over.is_set():
                return
            lmtp = self.cluster.lmtp
            if lmtp and lmtp.poll() is None:
                self.ledger.event("kill -9 of pop3 lmtp")
                lmtp.kill()
                await asyncio.to_thread(lmtp.wait)
            self.cluster.start_lmtp()

    async def _database(self, store: PostgresStore) -> None:
        while True:
            await self._for(self.rng.uniform(6, 25))
            if self.over.is_set():
                return
            how = self.rng.choice(["fast", "immediate", "kill"])
            self.ledger.event(f"database {how}")
            await asyncio.to_thread(store.server.end, how)
            await self._for(self.rng.choice([0, self.rng.uniform(0, 4)]))
            await asyncio.to_thread(store.server.start)
