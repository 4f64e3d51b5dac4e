"""`kill -9` of the server at any time."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator

from arena import INTRUDER, Arena, Ours, counted, letter, wire
from basics import PATIENCE, Failed, attack, must
from session import Session


def uids(session: Session) -> dict[bytes, bytes]:
    """The unique-id of each message, by its number."""
    session.good("UIDL")
    return dict(line.split(b" ", 1) for line in session.lines() or [])


def later(most: float) -> None:
    """Lets the server work for a random while."""
    end = time.perf_counter() + random.random() * most
    while time.perf_counter() < end:
        time.sleep(0)


def fewer(server: Ours, most: int) -> None:
    """Waits until the intruder has no more than so many messages."""
    end = time.monotonic() + PATIENCE
    while sum(len(os.listdir(server.maildir(INTRUDER.name) / sub)) for sub in ("cur", "new")) > most:
        must(time.monotonic() < end, "the server does not remove what is marked")


@attack("a crash, `kill -9`", "kills the server while it sends messages, and begins it again",
        "no client receives a terminator that was not sent; all mail is there, and no lock", "ours")
def a_server_killed_while_it_sends_loses_nothing(arena: Arena) -> str:
    # More than the system keeps between server and client.
    size = 3_000_000
    mail = [letter(INTRUDER.name, number, size) for number in range(1, 6)]
    server = arena.serve(mail={INTRUDER.name: mail})
    assert isinstance(server, Ours)
    whole, rounds = 0, arena.many(3, 100)
    for number in range(rounds):
        with server.logged_in(INTRUDER, number, window=16384) as session:
            before = uids(session)
            session.send(b"DELE 5\r\n" + b"".join(b"RETR %d\r\n" % one for one in range(1, 5)))
            session.line()
            # At any point: nothing is sent yet, or a part, or nearly all.
            session.gather(random.randrange(4 * size))
            server.kill()
            for one in range(4):
                if not session.line().startswith(b"+OK"):
                    break
                message = session.message()
                must(message in (None, wire(mail[one])), "a wrong message with a terminator")
                whole += message is not None
        server.start()
        # At once: nobody waits for a lock.
        with server.logged_in(INTRUDER) as session:
            must(uids(session) == before, "the unique-ids have changed")
            session.good("QUIT")
        must(counted(server.stored(INTRUDER.name)) == counted(mail), "mail is missing or has changed")
    return f"{rounds} kills, {whole} messages came whole"


@attack("a crash, `kill -9`", "kills the server behind QUIT, while it removes many messages or just after its answer, and begins it again",
        "what was not marked is untouched, what was marked is whole or gone, gone if QUIT was answered, and no lock is left", "ours")
def a_server_killed_in_a_commit_keeps_what_was_not_marked(arena: Arena) -> str:
    count, rounds = 800, arena.many(6, 100)
    mail = [letter(INTRUDER.name, number) for number in range(1, count + 1)]
    server = arena.serve()
    assert isinstance(server, Ours)
    within = answered = 0
    for number in range(rounds):
        for file in server.files(INTRUDER.name):
            file.unlink()
        server.deliver(INTRUDER.name, mail, first=1 + number * count)
        with server.logged_in(INTRUDER, number) as session:
            before = uids(session)
            session.send(b"".join(b"DELE %d\r\n" % one for one in range(1, count + 1, 2)))
            for _ in range(1, count + 1, 2):
                must(session.line().startswith(b"+OK"), "DELE is refused")
            session.send(b"QUIT\r\n")
            # At any point: right behind the answer, at once, and when some of the messages are gone.
            if number % 4 == 0:
                session.gather(1)
            elif number % 4 != 1:
                fewer(server, count - random.randrange(1, count // 2))
            server.kill()
            reply = session.line()
        stored = server.stored(INTRUDER.name)
        must(counted(stored) <= counted(mail), "a message has changed")
        must(counted(mail[1::2]) <= counted(stored), "a message that was not marked is missing")
        done = len(stored) == count // 2
        if reply.startswith(b"+OK"):
            answered += 1
            must(done, "QUIT was answered, and marked messages are there")
        within += 0 < count - len(stored) < count // 2
        server.start()
        with server.logged_in(INTRUDER) as session:
            after = uids(session)
            must(len(after) == len(stored), f"{len(after)} messages are listed, {len(stored)} are there")
            must(set(after.values()) <= set(before.values()), "a unique-id has changed")
            must({before[b"%d" % one] for one in range(2, count + 1, 2)} <= set(after.values()), "the unique-id of a message has changed")
            session.good("QUIT")
    return f"{rounds} kills, {within} within the removals, {answered} behind the answer"


class Visitors:
    """Users who log in, fetch their message and leave, again and again, each in a thread of its own."""

    def __init__(self, server: Ours, count: int) -> None:
        self.server, self.faults, self.served = server, [], 0
        self._lock, self._over, self._dying = threading.Lock(), threading.Event(), threading.Event()
        self._open: set[Session] = set()
        self._threads = [threading.Thread(target=self._visits, args=(number,)) for number in range(count)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def _visits(self, number: int) -> None:
        while not self._over.is_set():
            try:
                self._visit(number)
            except (OSError, Failed) as error:
                if not self._dying.is_set():
                    self.faults.append(f"u{number}: {error}")
                self._dying.wait(0.01)

    def _visit(self, number: int) -> None:
        with self.server.raw(number) as session, self._known(session):
            session.line()
            reply = session.log_in(f"u{number}", INTRUDER.password)
            if reply.startswith(b"+OK"):
                session.good("RETR 1")
                must(session.message() == wire(letter(f"u{number}", 1)), "a wrong message")
                session.good("QUIT")
                with self._lock:
                    self.served += 1
            elif b"[AUTH]" in reply:
                self.faults.append(f"u{number}: {reply!r}")

    @contextlib.contextmanager
    def _known(self, session: Session) -> Iterator[None]:
        with self._lock:
            self._open.add(session)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(session)

    def all_served(self) -> None:
        """Waits until a session has ended that began after now, or one has failed."""
        before, end = self.served, time.monotonic() + PATIENCE
        while self.served <= before + len(self._threads) and not self.faults:
            must(time.monotonic() < end, "nobody is served any more")
            time.sleep(0.01)

    def killed(self) -> None:
        """Kills the server, which is no fault of a session, and ends the visits."""
        self._dying.set()
        self.server.process.send_signal(signal.SIGHUP)
        self.server.kill()
        self.end()

    def end(self) -> None:
        self._dying.set()
        self._over.set()
        for thread in self._threads:
            # Who was about to connect when the server died may wait for a greeting: nothing tells that nobody is there.
            while thread.is_alive():
                with self._lock:
                    for session in self._open:
                        session.half_close(socket.SHUT_RDWR)
                thread.join(0.1)


def reload(server: Ours, text: str, wait: bool) -> None:
    """Replaces the users file, as an editor does, and sends SIGHUP. If asked, waits until the server says that it has read the file."""
    new, begun = server.home / "users.new", server.log.stat().st_size
    new.touch(0o600)
    new.write_text(text)
    new.rename(server.home / "users")
    server.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + PATIENCE
    while wait and not any(said in server.said(begun) for said in ("reloaded the users file", "the old settings are kept")):
        must(time.monotonic() < end, "the server does not say that it has read the users file")
        time.sleep(0.01)


@attack("a crash, `kill -9`", "SIGHUP again and again under load, with users files that are broken or cut, and then a kill",
        "sessions go on, logins with the last good file work, and the next start finds all in place", "ours")
def reloads_under_load_and_a_kill_change_nothing(arena: Arena) -> str:
    server = arena.serve(crowd=8, mail={f"u{number}": [letter(f"u{number}", 1)] for number in range(8)})
    assert isinstance(server, Ours)
    rounds, users, served = arena.many(2, 30), server.home / "users", 0
    good = users.read_text()
    # The last line is cut behind the name.
    texts = (good, "no users at all", good[: good.rindex(":")])
    for _ in range(rounds):
        visitors = Visitors(server, 8)
        visitors.start()
        try:
            # Faster than the server reads them.
            for number in range(arena.many(20, 50)):
                reload(server, texts[number % 3], wait=False)
                later(0.02)
            # And each of them for so long that it is used.
            for text in (*texts, good):
                reload(server, text, wait=True)
                visitors.all_served()
            visitors.killed()
        finally:
            visitors.end()
        must(not visitors.faults, f"{len(visitors.faults)} sessions have failed: {visitors.faults[:3]}")
        served += visitors.served
        users.write_text(good)
        server.start()
        server.honest()
    return f"{rounds} kills, {served} sessions"
