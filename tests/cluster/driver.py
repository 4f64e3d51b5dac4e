"""Delivers mail, and visits maildrops as clients do: most of them well, some of them badly."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import resource
import signal
import subprocess

from client import Client, Lost
from cluster import Cluster, Node
from ledger import Delivery, Ledger, Session, now
from letters import Letter, digest, number_of
from lmtp import send, without_added
from stores import PASSWORD
from wire import wire

TEMPORARY = 75
# What a login may be answered while the cluster is disturbed. Anything else makes a client ask its user for the password.
EXPECTED = (b"-ERR [IN-USE]", b"-ERR [SYS/TEMP]")
# How QUIT is answered if the outcome was still unknown when the time was up.
UNFINISHED = b"check which messages are left"
# How long clients wait for a reply before they give up, in seconds.
PATIENCE = (3, 10, 20, 40)


class Driver:
    """Sessions and deliveries, all of which the ledger notes."""

    def __init__(self, cluster: Cluster, ledger: Ledger, users: list[str], rng: random.Random) -> None:
        self.cluster, self.ledger, self.users, self.rng = cluster, ledger, users, rng
        self.over = asyncio.Event()
        # The part of the deliveries that are killed.
        self.kills = 0.05
        # Deliveries without an end so far, which are tried again.
        self.open: dict[int, Delivery] = {}

    async def deliver(self, user: str, patient: bool = False) -> Letter:
        """A new message. It is tried again with the same key until it is accepted or, unless `patient`, the run is over."""
        letter, octets, delivery = self._new(user)
        self.open[letter.number] = delivery
        while not await self._attempt(delivery, octets, kill=not patient and self.rng.random() < self.kills):
            if self.over.is_set() and not patient:
                return letter
            await asyncio.sleep(self.rng.uniform(0.05, 0.5))
        return letter

    def _new(self, user: str) -> tuple[Letter, bytes, Delivery]:
        number = self.ledger.next
        self.ledger.next += 1
        letter, octets = Letter.write(self.ledger.seed, number, user)
        delivery = self.ledger.deliveries[number] = Delivery(letter, now())
        return letter, octets, delivery

    async def deliver_over_lmtp(self, user: str, port: int) -> None:
        """A new message, once. Unless it is answered with 250, it may be stored or not."""
        _, octets, delivery = self._new(user)
        delivery.over_lmtp, delivery.attempts = True, 1
        code = await send(port, user, wire(octets))
        self.ledger.counts[f"LMTP deliveries answered {code or 'not at all'}"] += 1
        if code == "250":
            delivery.accepted = now()
        elif code[:1] == "5":
            self.ledger.fault(f"a delivery over LMTP is answered {code}")

    async def finish(self) -> None:
        """Tries again what was not accepted. Nothing is disturbed any more."""
        for number, delivery in list(self.open.items()):
            _, octets = Letter.write(self.ledger.seed, number, delivery.letter.user)
            while not await self._attempt(delivery, octets, kill=False):
                await asyncio.sleep(0.1)

    async def _attempt(self, delivery: Delivery, octets: bytes, kill: bool) -> bool:
        delivery.attempts += 1
        link = self.cluster.mx
        command = self.cluster.store.deliver(delivery.letter.user, f"{self.ledger.seed}.{delivery.letter.number}", link.port if link else None)
        process = await asyncio.create_subprocess_exec("setpriv", "--pdeathsig", "KILL", *command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                                       stderr=subprocess.PIPE)
        killer = asyncio.create_task(kill_soon(process, self.rng.uniform(0, 0.1))) if kill else None
        _, said = await process.communicate(octets)
        if killer:
            killer.cancel()
        code = process.returncode
        self.ledger.counts[f"deliveries that end with {code}"] += 1
        if code == 0:
            delivery.accepted = now()
            self.open.pop(delivery.letter.number, None)
            return True
        if code != TEMPORARY and not kill:
            self.ledger.fault(f"a delivery ends with {code}, not {TEMPORARY}: {said.decode(errors='replace').strip()[-300:]}")
        return False

    async def keep_delivering(self, most: int) -> None:
        """Delivers until the run is over, while there are not too many messages."""
        while not self.over.is_set():
            if self.there() < most:
                user, port = self.rng.choice(self.users), self.cluster.lmtp_port
                await (self.deliver_over_lmtp(user, port) if port and self.rng.random() < 0.4 else self.deliver(user))
            else:
                await asyncio.sleep(0.05)

    def there(self) -> int:
        """About how many messages there are."""
        return len(self.ledger.deliveries) - self.ledger.counts["messages removed"]

    async def keep_visiting(self) -> None:
        while not self.over.is_set():
            node = self.rng.choice(self.cluster.nodes) if self.rng.random() < 0.2 else None
            if not await self.visit(self.rng.choice(self.users), node):
                await asyncio.sleep(self.rng.uniform(0, 0.3))

    async def visit(self, user: str, node: Node | None = None) -> bool:
        """One connection, through HAProxy or to a node itself. Says whether the login succeeded."""
        try:
            client, session = await self.enter(user, node, self.rng.choice(PATIENCE))
        except Lost:
            self.ledger.counts["connections without a login"] += 1
            return False
        if session is None:
            return False
        try:
            await self._mail(client, session)
        except Lost:
            self.ledger.counts["sessions that lost their connection"] += 1
        finally:
            client.leave()
            self.ledger.counts[f"sessions {session.end}"] += 1
        return True

    async def enter(self, user: str, node: Node | None, patience: float) -> tuple[Client, Session | None]:
        """Connects and logs in. Without a session, the login was refused."""
        client = await Client.connect(node.port if node else self.cluster.balanced, patience, header=node is not None)
        asked = now()
        try:
            reply = await client.log_in(user, PASSWORD)
        except Lost:
            client.leave()
            raise
        if not reply.startswith(b"+OK"):
            client.leave()
            self.ledger.counts[f"logins answered {reply.decode(errors='replace').split(']')[0]}]"] += 1
            if not reply.startswith(EXPECTED):
                self.ledger.fault(f"a login of {user} is answered {reply!r}")
            return client, None
        session = Session(user, node.name if node else "haproxy", asked, now())
        self.ledger.sessions.append(session)
        return client, session

    async def list(self, client: Client, session: Session) -> dict[int, str]:
        """The unique-ids by number, of which the ledger notes the sizes."""
        uids, sizes = await client.listing("UIDL"), await client.listing("LIST")
        session.listed = {uid: int(sizes[number]) for number, uid in uids.items()}
        if uids.keys() != sizes.keys() or len(session.listed) != len(uids):
            self.ledger.fault(f"UIDL and LIST of {session.user} differ, or a unique-id is there twice: {uids} {sizes}")
        return uids

    async def _mail(self, client: Client, session: Session) -> None:
        rng = self.rng
        uids = await self.list(client, session)
        chosen = rng.sample(sorted(uids), min(len(uids), rng.choice([0, 1, 2, 5, 20])))
        await self.fetch(client, session, {number: uids[number] for number in chosen}, pipelined=rng.random() < 0.5)
        known = [number for number in chosen if uids[number] in session.fetched]
        if rng.random() < 0.15:
            await self.mark(client, session, uids, known)
            if (await client.say("RSET")).startswith(b"+OK"):
                session.marked.clear()
        await self.mark(client, session, uids, [number for number in known if rng.random() < 0.8])
        while rng.random() < 0.1:
            await asyncio.sleep(rng.uniform(0, 2))
            await client.say("NOOP")
        if rng.random() < 0.1:
            return
        await self.quit(client, session, read=rng.random() < 0.95)

    async def fetch(self, client: Client, session: Session, uids: dict[int, str], pipelined: bool = False) -> None:
        """Fetches the messages, and compares each with what was delivered."""
        if pipelined:
            client.send(*(f"RETR {number}" for number in uids))
        for number, uid in uids.items():
            reply = await (client.line() if pipelined else client.say(f"RETR {number}"))
            if reply.startswith(b"+OK"):
                self._fetched(session, uid, await client.body())
            else:
                self.ledger.counts["RETR answered -ERR"] += 1

    def _fetched(self, session: Session, uid: str, octets: bytes) -> None:
        self.ledger.counts["messages fetched"] += 1
        self.ledger.sizes[session.user, uid] = len(octets)
        octets = without_added(octets)
        number = number_of(octets)
        delivery = self.ledger.deliveries.get(number or 0)
        if number is None or delivery is None:
            self.ledger.fault(f"{session.user} has fetched a message that nobody delivered: {octets[:200]!r}")
        elif delivery.letter.user != session.user:
            self.ledger.fault(f"{session.user} has fetched message {number} of {delivery.letter.user}")
        elif delivery.letter.sent != digest(octets):
            self.ledger.fault(f"{session.user} has fetched message {number} in part or changed: {len(octets)} of {delivery.letter.size} octets")
        else:
            session.fetched[uid] = number

    async def mark(self, client: Client, session: Session, uids: dict[int, str], numbers: list[int]) -> None:
        for number in numbers:
            if uids[number] not in session.marked and (await client.say(f"DELE {number}")).startswith(b"+OK"):
                session.marked.add(uids[number])

    async def quit(self, client: Client, session: Session, read: bool = True) -> None:
        """Sends QUIT. Unless its reply is read, nobody knows what came of it."""
        session.quit_sent, session.end = now(), "unknown"
        client.send("QUIT")
        if not read:
            # The command itself should arrive.
            with contextlib.suppress(OSError):
                await client.close()
            return
        reply = await client.line()
        session.answered, session.reply = now(), reply.decode(errors="replace")
        session.end = "committed" if reply.startswith(b"+OK") else "unknown" if UNFINISHED in reply else "refused"
        if session.end == "committed":
            self.ledger.counts["messages removed"] += len(session.marked)

    async def open_all(self, users: list[str], patience: float) -> float:
        """Opens each maildrop once and fetches everything. Returns the longest time that it took until one could be opened."""
        waited = await asyncio.gather(*(self._open_one(user, patience) for user in users))
        return max(waited)

    async def _open_one(self, user: str, patience: float) -> float:
        begun, last = now(), ""
        while now() - begun < patience:
            try:
                client, session = await self.enter(user, None, patience)
                if session:
                    waited = now() - begun
                    await self.fetch(client, session, await self.list(client, session), pipelined=True)
                    await self.quit(client, session)
                    if session.end == "committed" and session.listed is not None and len(session.fetched) == len(session.listed):
                        return waited
                    last = f"QUIT: {session.reply}, {len(session.fetched)} messages"
                else:
                    last = "the login is refused"
            except Lost as error:
                last = str(error)
            await asyncio.sleep(0.1)
        self.ledger.fault(f"the maildrop of {user} cannot be opened, or not be read, for {patience:.0f} s when nothing is disturbed: {last}")
        return now() - begun


async def kill_soon(process: asyncio.subprocess.Process, seconds: float) -> None:
    await asyncio.sleep(seconds)
    # The method of the process would also wait for it, and asyncio does that.
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)


def many_files() -> None:
    """As many descriptors as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
