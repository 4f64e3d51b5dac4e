"""Cases that chance would bring about too seldom: each has users of its own, and ends when something has happened."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Coroutine

from client import Client, Lost
from cluster import Node
from driver import Driver
from ledger import Session, now
from stores import PostgresStore, SqlStore, Store

# Far more than the 30 s after which a maildrop is taken over from a silent node.
PATIENCE = 300.0
Story = Callable[["Teller", Node], Coroutine[None, None, None]]


class Teller:
    """One story: a maildrop with three messages, of which the first session wants to remove two."""

    def __init__(self, driver: Driver, user: str) -> None:
        self.driver, self.ledger, self.user = driver, driver.ledger, user

    async def begin(self, node: Node) -> tuple[Client, Session, list[str]]:
        """A session on the node that has fetched everything and marked two messages. Also returns the unique-ids."""
        for _ in range(3):
            await self.driver.deliver(self.user, patient=True)
        client, session = await self.enter(node)
        uids = await self.driver.list(client, session)
        await self.driver.fetch(client, session, uids)
        await self.driver.mark(client, session, uids, [1, 2])
        return client, session, list(uids.values())

    async def enter(self, node: Node | None) -> tuple[Client, Session]:
        """Tries until the maildrop can be opened."""
        end = now() + PATIENCE
        while now() < end:
            try:
                client, session = await self.driver.enter(self.user, node, PATIENCE)
                if session:
                    return client, session
            except Lost:
                pass
            await asyncio.sleep(0.1)
        raise RuntimeError(f"{self.user} cannot be opened for {PATIENCE:.0f} s")

    async def visit(self, node: Node | None, marks: list[str]) -> list[str]:
        """A session that removes these messages. Returns what it saw. Tries until QUIT succeeds."""
        end = now() + PATIENCE
        while now() < end:
            client, session = await self.enter(node)
            try:
                uids = await self.driver.list(client, session)
                await self.driver.fetch(client, session, uids)
                await self.driver.mark(client, session, uids, [number for number, uid in uids.items() if uid in marks])
                await self.driver.quit(client, session)
                if session.end == "committed":
                    return list(uids.values())
            except Lost:
                pass
            finally:
                client.leave()
        raise RuntimeError(f"{self.user} has no whole session for {PATIENCE:.0f} s")

    async def late(self, client: Client, session: Session, uids: list[str], what: str) -> None:
        """The session comes back late and says QUIT, after another one has committed. It must not remove anything."""
        try:
            await self.driver.quit(client, session)
        except Lost:
            pass
        client.leave()
        if session.end == "committed":
            self.ledger.fault(f"{self.user}: QUIT of a node that was {what} is answered {session.reply!r}, after another node has committed")
        if (seen := await self.visit(None, [])) != uids[:2]:
            self.ledger.fault(f"{self.user}: a node that was {what} came back late and has removed something: {uids} became {seen}")


async def frozen(teller: Teller, node: Node) -> None:
    """A node is frozen in a session, its maildrop is taken over, and then it continues."""
    async with undisturbed(node):
        client, session, uids = await teller.begin(node)
        node.signal(signal.SIGSTOP)
        await teller.visit(other(teller, node), uids[2:])
        node.signal(signal.SIGCONT)
        await teller.late(client, session, uids, "frozen")


async def cut_off(teller: Teller, node: Node) -> None:
    """The same with a node that is cut off from the database, and reached by its clients."""
    assert node.link
    async with undisturbed(node):
        client, session, uids = await teller.begin(node)
        node.link.stall()
        await teller.visit(other(teller, node), uids[2:])
        node.link.heal()
        await teller.late(client, session, uids, "cut off")


async def reply_lost(teller: Teller, node: Node) -> None:
    """The database commits, and its answer is lost. The node has to look up what came of it."""
    await lost(teller, node, "reply")


async def request_lost(teller: Teller, node: Node) -> None:
    """The connection breaks before the commit reaches the database."""
    await lost(teller, node, "request")


async def lost(teller: Teller, node: Node, what: str) -> None:
    assert node.link
    client, session, uids = await teller.begin(node)
    happened = node.link.lose(what)
    await teller.driver.quit(client, session)
    client.leave()
    if not happened.is_set():
        teller.ledger.fault(f"{teller.user}: no commit came through the link, so its {what} was not lost")
    if session.end != "committed":
        teller.ledger.fault(f"{teller.user}: the {what} of a commit is lost, and the database there: QUIT is answered {session.reply!r}")
    seen = await teller.visit(None, [])
    if session.end == "committed" and seen != uids[2:]:
        teller.ledger.fault(f"{teller.user}: QUIT was answered +OK, the {what} of the commit was lost: {uids} became {seen}")


async def killed(teller: Teller, node: Node) -> None:
    """A node is killed in a session. Another one takes over, and everything is still there."""
    client, _, uids = await teller.begin(node)
    await node.end(signal.SIGKILL)
    seen = await teller.visit(other(teller, node), [])
    client.leave()
    node.start()
    await node.listens()
    if seen != uids:
        teller.ledger.fault(f"{teller.user}: the node of a session was killed: {uids} became {seen}")


async def restarted(teller: Teller, node: Node) -> None:
    """The database begins again in the middle of a session, which keeps its marks if the session goes on."""
    store = teller.driver.cluster.store
    assert isinstance(store, PostgresStore)
    client, session, uids = await teller.begin(node)
    await asyncio.to_thread(store.server.end, "fast")
    await asyncio.to_thread(store.server.start)
    try:
        await teller.driver.quit(client, session)
    except Lost:
        pass
    client.leave()
    seen = await teller.visit(None, [])
    wanted = {"committed": [uids[2:]], "refused": [uids], "unknown": [uids, uids[2:]]}[session.end]
    if seen not in wanted:
        teller.ledger.fault(f"{teller.user}: the database has begun again, QUIT was answered {session.reply!r}: {uids} became {seen}")
    teller.ledger.counts[f"sessions over a restart of the database that end {session.end}"] += 1


@contextlib.asynccontextmanager
async def undisturbed(node: Node) -> AsyncIterator[None]:
    """Nothing else is done to the node or its link."""
    async with contextlib.AsyncExitStack() as held:
        await held.enter_async_context(node.busy)
        if node.link:
            await held.enter_async_context(node.link.busy)
        yield


def other(teller: Teller, node: Node) -> Node:
    """The node that takes over: none of those in a story, if there are enough."""
    nodes = teller.driver.cluster.nodes
    return nodes[-1] if node is not nodes[-1] else nodes[0]


# One after the other, while nothing else happens. Those that say something about how a node recovers need that.
ALONE: list[Story] = [reply_lost, request_lost, killed, restarted]
# Each on a node of its own, while everything else is disturbed.
BESIDE: list[Story] = [frozen, cut_off]
# What does not need a link to the database, or the database as a process.
ANYWHERE = (killed, frozen)


class Stories:
    """All stories that can be told with this store, each with a user of its own."""

    def __init__(self, driver: Driver, store: Store) -> None:
        self.driver = driver
        self.users: list[str] = []
        self._told: dict[str, list[tuple[Story, Teller]]] = {}
        if not isinstance(store, SqlStore) or len(driver.cluster.nodes) < 2:
            return
        for when, stories in (("alone", ALONE), ("beside", BESIDE)):
            chosen = [story for story in stories if isinstance(store, PostgresStore) or story in ANYWHERE]
            self._told[when] = [(story, Teller(driver, f"story-{story.__name__}")) for story in chosen]
            self.users += [teller.user for _, teller in self._told[when]]
        store.add(self.users)

    async def alone(self) -> None:
        for story, teller in self._told.get("alone", []):
            await story(teller, self.driver.cluster.nodes[0])

    async def beside(self) -> None:
        # With two nodes, one of them must be left to take over.
        nodes = self.driver.cluster.nodes
        told = [(story, teller, node) for (story, teller), node in zip(self._told.get("beside", []), nodes[:-1], strict=False)]
        await asyncio.gather(*(story(teller, node) for story, teller, node in told))
