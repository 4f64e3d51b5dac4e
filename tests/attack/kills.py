"""`kill -9` at any time: of the server, and of `pop3 fetch`."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time

from arena import HOST, INTRUDER, Arena, Ours, counted, letter, wire
from basics import PATIENCE, Failed, attack, must
from net import free_ports
from session import Session


def uids(session: Session) -> dict[bytes, bytes]:
    """The unique-id of each message, by its number."""
    session.good("UIDL")
    return dict(line.split(b" ", 1) for line in session.lines() or [])


def later(most: float, process: subprocess.Popen[bytes] | None = None) -> None:
    """Lets the server work for a random while, at most until the process has ended."""
    end = time.perf_counter() + random.random() * most
    while time.perf_counter() < end and (process is None or process.poll() is None):
        time.sleep(0)


@attack("a crash, `kill -9`", "kills the server while it sends messages, and begins it again",
        "no client receives a terminator that was not sent; all mail is there, and no lock", "ours")
def a_server_killed_while_it_sends_loses_nothing(arena: Arena) -> str:
    mail = [letter(INTRUDER.name, number, 1_000_000) for number in range(1, 6)]
    server = arena.serve(mail={INTRUDER.name: mail})
    assert isinstance(server, Ours)
    whole, rounds = 0, arena.many(3, 100)
    for number in range(rounds):
        with server.logged_in(INTRUDER, number) as session:
            before = uids(session)
            session.send(b"DELE 5\r\n" + b"".join(b"RETR %d\r\n" % one for one in range(1, 5)))
            session.line()
            later(0.02)
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


@attack("a crash, `kill -9`", "kills the server at a random moment behind QUIT, while it removes many messages, and begins it again",
        "what was not marked is untouched, what was marked is whole or gone, gone if QUIT was answered, and no lock is left", "ours")
def a_server_killed_in_a_commit_keeps_what_was_not_marked(arena: Arena) -> str:
    count, rounds = 400, arena.many(4, 100)
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
            later(0.015)
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


@attack("a crash, `kill -9`", "SIGHUP again and again under load, with users files that are broken or cut, and then a kill",
        "sessions go on, logins with the last good file work, and the next start finds all in place", "ours")
def reloads_under_load_and_a_kill_change_nothing(arena: Arena) -> str:
    server = arena.serve(crowd=8, mail={f"u{number}": [letter(f"u{number}", 1)] for number in range(8)})
    assert isinstance(server, Ours)
    rounds, users = arena.many(2, 30), server.home / "users"
    good = users.read_text()
    over, faults, served = threading.Event(), [], [0]
    dying = threading.Event()

    def visit(number: int) -> None:
        while not over.is_set():
            try:
                with Session(server.raw(number).socket) as session:
                    session.line()
                    reply = session.log_in(f"u{number}", INTRUDER.password)
                    if reply.startswith(b"+OK"):
                        session.good("RETR 1")
                        must(session.message() == wire(letter(f"u{number}", 1)), "a wrong message")
                        session.good("QUIT")
                        served[0] += 1
                    elif b"[AUTH]" in reply:
                        faults.append(f"u{number}: {reply!r}")
            except (OSError, Failed) as error:
                if not dying.is_set():
                    faults.append(f"u{number}: {error}")
                dying.wait(0.01)

    for _ in range(rounds):
        threads = [threading.Thread(target=visit, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for number in range(arena.many(30, 60)):
            # An editor that replaces the file, a broken one, and one that is cut.
            text = (good, "no users at all", good[: len(good) // 2])[number % 3]
            broken = text == good[: len(good) // 2]
            if not broken:
                (server.home / "users.new").touch(0o600)
                (server.home / "users.new").write_text(text)
                (server.home / "users.new").rename(users)
            server.process.send_signal(signal.SIGHUP)
            later(0.02)
        before = served[0]
        end = time.monotonic() + PATIENCE
        while served[0] < before + 8 and not faults:
            must(time.monotonic() < end, "nobody is served any more")
            time.sleep(0.01)
        dying.set()
        server.process.send_signal(signal.SIGHUP)
        server.kill()
        over.set()
        for thread in threads:
            thread.join()
        must(not faults, f"{len(faults)} sessions have failed: {faults[:3]}")
        users.write_text(good)
        over.clear()
        dying.clear()
        server.start()
        server.honest()
    return f"{rounds} kills, {served[0]} sessions"


def fetch(server: Ours) -> subprocess.Popen[bytes]:
    """Begins to fetch the intruder's mail."""
    word = server.home / "password"
    if not word.exists():
        word.touch(0o600)
        word.write_text(INTRUDER.password + "\n")
    program, runtime = server.command[0], server.runtime
    command = [program, "fetch", f"pop3://{INTRUDER.name}@{HOST}:{server.plain}", "--to", f"dir:{server.home / 'target'}", "--tls", "off",
               "--password-file", str(word), "--state", str(server.home / "state"), "--delete", "--quiet", "--runtime", runtime]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(server: Ours) -> None:
    """Fetches until all is there. Another session may still be ending."""
    end = time.monotonic() + PATIENCE
    while True:
        process = fetch(server)
        try:
            _, said = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired as late:
            process.kill()
            raise Failed(f"fetch has not ended in {PATIENCE:.0f} s") from late
        if process.returncode == 0:
            return
        must(process.returncode in (3, 6) and time.monotonic() < end, f"fetch ended with {process.returncode}: {said[-300:]!r}")


def arrived(server: Ours, mail: list[bytes]) -> list[bytes]:
    target = server.home / "target"
    got = [path.read_bytes() for path in target.rglob("*") if path.is_file() and path.parent.name != "tmp"] if target.exists() else []
    twice = [message for message, times in counted(got).items() if times > 1]
    must(not twice, f"{len(twice)} messages have arrived twice")
    must(counted(got) <= counted([wire(message) for message in mail]), "a message has arrived in part")
    return got


@attack("a crash, `kill -9`", "kills `pop3 fetch --delete` at random moments, again and again, while new mail comes",
        "no message is lost, doubled or cut at any time; the last run has each message exactly once", "ours")
def a_killed_fetch_has_each_message_once(arena: Arena) -> str:
    server = arena.serve()
    assert isinstance(server, Ours)
    rounds, part, mail = arena.many(5, 100), 40, []
    killed, took = 0, 0.0
    for number in range(rounds + 1):
        new = [letter(INTRUDER.name, one, 300_000 if one % 20 == 10 else 2000) for one in range(number * part, (number + 1) * part)]
        server.deliver(INTRUDER.name, new, first=number * part)
        mail += new
        # The first one shows how long it takes.
        begun = time.monotonic()
        process = fetch(server)
        if number:
            # As long as all that is there would take.
            later(took * len(server.files(INTRUDER.name)) / part, process)
            process.send_signal(signal.SIGKILL)
        process.communicate(timeout=PATIENCE)
        took = took or time.monotonic() - begun
        killed += process.returncode == -signal.SIGKILL
        # Whatever is not there is still on the server.
        got, left = arrived(server, mail), [wire(message) for message in server.stored(INTRUDER.name)]
        must(set(got) | set(left) == {wire(message) for message in mail}, "a message is neither on the server nor in the target")
    finish(server)
    must(len(arrived(server, mail)) == len(mail), "a message is missing")
    must(not server.stored(INTRUDER.name), "messages are left on the server")
    return f"{killed} kills, {len(mail)} messages"


@attack("a crash, `kill -9`", "kills the server while `pop3 fetch --delete` runs, again and again",
        "the fetch reports it, and a later one has each message exactly once", "ours")
def a_fetch_survives_a_killed_server(arena: Arena) -> str:
    # The state file of a fetch names the port, which stays the same.
    server = arena.serve(port=free_ports(1)[0])
    assert isinstance(server, Ours)
    rounds, part, mail = arena.many(4, 50), 40, []
    codes, took = [], 0.0
    for number in range(rounds + 1):
        new = [letter(INTRUDER.name, one, 300_000 if one % 20 == 10 else 2000) for one in range(number * part, (number + 1) * part)]
        server.deliver(INTRUDER.name, new, first=number * part)
        mail += new
        begun = time.monotonic()
        process = fetch(server)
        if number:
            later(took * len(server.files(INTRUDER.name)) / part, process)
            server.kill()
        _, said = process.communicate(timeout=PATIENCE)
        took = took or time.monotonic() - begun
        codes.append(process.returncode)
        must(process.returncode in (0, 3, 6), f"fetch ended with {process.returncode}: {said[-300:]!r}")
        got, left = arrived(server, mail), [wire(message) for message in server.stored(INTRUDER.name)]
        must(set(got) | set(left) == {wire(message) for message in mail}, "a message is neither on the server nor in the target")
        if number:
            server.start()
    finish(server)
    must(len(arrived(server, mail)) == len(mail), "a message is missing")
    must(not server.stored(INTRUDER.name), "messages are left on the server")
    return f"{rounds} kills, exit codes {sorted(set(codes))}"
