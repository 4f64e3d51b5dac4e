"""Faults that are planted in the database behind the program's back, and what the judge has to say about each."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from client import Lost
from driver import Driver
from ledger import NEVER
from postgres import Postgres
from stories import PATIENCE, Teller

# For plants that make a maildrop impossible to open, in seconds.
SHORT = 5.0


@dataclass
class Ground:
    """Where a fault is planted: a maildrop of its own."""

    driver: Driver
    teller: Teller
    server: Postgres
    user: str

    def sql(self, text: str) -> list[list[str]]:
        """Runs SQL. `@me` stands for the maildrop's row, `@first` for its first message."""
        mine = f"(SELECT id FROM pop3_maildrops WHERE user_name = '{self.user}')"
        return self.server.query(text.replace("@first", f"(SELECT min(id) FROM pop3_messages WHERE maildrop = {mine})").replace("@me", mine))

    async def mail(self) -> None:
        for _ in range(3):
            await self.driver.deliver(self.user, patient=True)

    async def look(self) -> None:
        """A session that fetches everything and removes nothing."""
        await self.teller.visit(None, [])


PLANTS: list[tuple[str, str, Callable[[Ground], Coroutine[None, None, None]]]] = []


def plant(says: str) -> Callable[[Callable[[Ground], Coroutine[None, None, None]]], Callable[[Ground], Coroutine[None, None, None]]]:
    """Registers a fault, and a part of what is said when it is found. Without that, everything is right."""

    def register(function: Callable[[Ground], Coroutine[None, None, None]]) -> Callable[[Ground], Coroutine[None, None, None]]:
        PLANTS.append((function.__name__, says, function))
        return function

    return register


@plant("")
async def nothing(ground: Ground) -> None:
    nodes = ground.driver.cluster.nodes
    client, session, _ = await ground.teller.begin(nodes[0])
    for node in nodes:
        _, second = await ground.driver.enter(ground.user, node, PATIENCE)
        assert second is None, f"a second session on {node.name}"
    await ground.driver.quit(client, session)
    client.leave()
    assert session.end == "committed", session
    await ground.mail()
    await ground.look()


@plant("is lost")
async def a_message_is_deleted(ground: Ground) -> None:
    await ground.mail()
    ground.sql("DELETE FROM pop3_messages WHERE id = @first")


@plant("nobody removed")
async def a_message_is_deleted_that_was_seen(ground: Ground) -> None:
    await ground.mail()
    ground.driver.ledger.deliveries[min(ground.driver.ledger.deliveries)].accepted = NEVER
    await ground.look()
    ground.sql("DELETE FROM pop3_messages WHERE id = @first")


COPY = """WITH copy AS (INSERT INTO pop3_messages ({columns}) SELECT {values} FROM pop3_messages WHERE id = @first RETURNING id)
          INSERT INTO pop3_chunks (message, seq, data) SELECT copy.id, seq, data FROM copy, pop3_chunks WHERE message = @first"""


def columns(ground: Ground) -> list[str]:
    rows = ground.sql("SELECT column_name FROM information_schema.columns WHERE table_name = 'pop3_messages' AND column_name <> 'id'")
    return [row[0] for row in rows]


@plant("is there twice")
async def a_message_is_doubled(ground: Ground) -> None:
    await ground.mail()
    names = columns(ground)
    ground.sql(COPY.format(columns=", ".join(names), values=", ".join("'another'" if name == "unique_id" else name for name in names)))


@plant("is there twice")
async def a_retried_delivery_is_not_recognised(ground: Ground) -> None:
    delivery = ground.driver.ledger.deliveries[(await ground.driver.deliver(ground.user, patient=True)).number]
    ground.sql("DELETE FROM pop3_deliveries WHERE maildrop = @me")
    ground.driver.open[delivery.letter.number] = delivery
    await ground.driver.finish()


@plant("stored in part")
async def a_message_is_cut(ground: Ground) -> None:
    await ground.mail()
    ground.sql("UPDATE pop3_chunks SET data = substring(data FROM 1 FOR length(data) - 5) WHERE message = @first AND seq = (SELECT max(seq) FROM pop3_chunks WHERE message = @first)")


@plant("in part or changed")
async def a_message_is_sent_that_was_changed(ground: Ground) -> None:
    await ground.mail()
    ground.sql("UPDATE pop3_chunks SET data = set_byte(data, length(data) - 3, 65) WHERE message = @first AND seq = 0")
    await ground.look()


@plant("has changed its unique-id")
async def a_unique_id_changes(ground: Ground) -> None:
    await ground.mail()
    await ground.look()
    ground.sql("UPDATE pop3_messages SET unique_id = 'changed' WHERE id = @first")


@plant("names message")
async def a_unique_id_comes_again(ground: Ground) -> None:
    client, session, uids = await ground.teller.begin(ground.driver.cluster.nodes[0])
    await ground.driver.quit(client, session)
    client.leave()
    ground.sql(f"UPDATE pop3_messages SET unique_id = '{uids[0]}' WHERE id = @first")
    await ground.look()


@plant("nobody delivered")
async def a_message_comes_from_nowhere(ground: Ground) -> None:
    await ground.mail()
    ground.sql("UPDATE pop3_chunks SET data = 'Subject: nowhere' WHERE message = @first AND seq = 0")


@plant("is stored for")
async def a_message_moves_to_another_user(ground: Ground) -> None:
    await ground.mail()
    ground.sql("UPDATE pop3_messages SET maildrop = (SELECT min(id) FROM pop3_maildrops) WHERE id = @first")


@plant("sees")
async def a_removed_message_returns(ground: Ground) -> None:
    client, session, uids = await ground.teller.begin(ground.driver.cluster.nodes[0])
    ground.sql("CREATE TABLE kept AS SELECT * FROM pop3_messages WHERE maildrop = @me; CREATE TABLE kept_chunks AS SELECT pop3_chunks.* FROM pop3_chunks JOIN kept ON message = kept.id")
    await ground.driver.quit(client, session)
    client.leave()
    ground.sql(f"INSERT INTO pop3_messages SELECT * FROM kept WHERE unique_id = '{uids[0]}'; INSERT INTO pop3_chunks SELECT kept_chunks.* FROM kept_chunks JOIN kept ON message = kept.id "
               f"WHERE unique_id = '{uids[0]}'; DROP TABLE kept, kept_chunks")
    await ground.look()


@plant("does not see")
async def a_message_is_hidden_for_a_while(ground: Ground) -> None:
    await ground.mail()
    await ground.look()
    ((hidden,),) = ground.sql("SELECT @first")
    ground.sql("UPDATE pop3_messages SET maildrop = (SELECT id FROM pop3_maildrops WHERE user_name = 'hideout') WHERE id = @first")
    await ground.look()
    ground.sql(f"UPDATE pop3_messages SET maildrop = @me WHERE id = {hidden}")


@plant("is listed with")
async def a_size_is_wrong(ground: Ground) -> None:
    await ground.mail()
    ground.sql("UPDATE pop3_messages SET size = size + 1 WHERE id = @first")
    client, session = await ground.teller.enter(None)
    await ground.driver.list(client, session)
    client.leave()


@plant("in two sessions that both committed")
async def fencing_is_useless(ground: Ground) -> None:
    """Another session gets in, and afterwards the row says that the first one still has the maildrop."""
    nodes = ground.driver.cluster.nodes
    client, session, uids = await ground.teller.begin(nodes[0])
    ((node, token),) = ground.sql("SELECT lock_node, token FROM pop3_maildrops WHERE id = @me")
    ground.sql("UPDATE pop3_maildrops SET lock_node = NULL WHERE id = @me")
    await ground.teller.visit(nodes[1], uids[2:])
    ground.sql(f"UPDATE pop3_maildrops SET lock_node = {node}, token = {token} WHERE id = @me; DELETE FROM pop3_commits WHERE maildrop = @me")
    await ground.driver.quit(client, session)
    client.leave()


@plant("is lost")
async def a_refused_commit_removes(ground: Ground) -> None:
    client, session, _ = await ground.teller.begin(ground.driver.cluster.nodes[0])
    ground.sql("UPDATE pop3_maildrops SET token = token + 1, lock_node = NULL WHERE id = @me; DELETE FROM pop3_messages WHERE id = @first")
    await ground.driver.quit(client, session)
    client.leave()
    assert session.end == "refused", session.reply


@plant("cannot be opened")
async def a_lock_is_left_behind(ground: Ground) -> None:
    """The lock of a node that is alive, as far as anybody can see, and has no session."""
    await ground.mail()
    ghost = 4242
    ground.sql(f"INSERT INTO pop3_nodes (incarnation, node_name, started, heartbeat, run) SELECT {ghost}, 'ghost', started, heartbeat + 10000000, run FROM pop3_nodes LIMIT 1; UPDATE pop3_maildrops SET lock_node = {ghost} WHERE id = @me")
    alive = subprocess.Popen(ground.server.command("postgres", f"SELECT pg_advisory_lock({ghost}); SELECT pg_sleep(3600)"), stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL)
    try:
        while not ground.sql(f"SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = {ghost}"):
            await asyncio.sleep(0.05)
        await ground.driver.open_all([ground.user], SHORT)
    finally:
        alive.kill()
        alive.wait()
        ground.sql("UPDATE pop3_maildrops SET lock_node = NULL WHERE id = @me")


@plant("is answered")
async def a_right_password_is_refused(ground: Ground) -> None:
    await ground.mail()
    ground.sql(f"DELETE FROM pop3_users WHERE user_name = '{ground.user}'")
    try:
        client, _ = await ground.driver.enter(ground.user, None, SHORT)
        client.leave()
    except Lost:
        pass
