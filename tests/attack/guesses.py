"""Someone who guesses passwords, or wants to know which names exist."""

from __future__ import annotations

import base64
import math
import secrets
import statistics
import threading
import time
from collections.abc import Callable

from arena import KEPT, OWNER, Arena, Ours, Server
from basics import Failed, attack, must
from crowds import held
from session import Session

# The first refusal comes this long after the request, the next ones later: `failure_delay` of docs/limits.md.
DELAY = 1.0


def refused(session: Session, name: str) -> tuple[list[bytes], float]:
    """Both replies to a login with a wrong password, and the time until the second one."""
    first = session.say(f"USER {name}")
    begun = time.monotonic()
    second = session.say("PASS wrong")
    took = time.monotonic() - begun
    must(not second.startswith(b"+OK"), f"{name} is let in with a wrong password: {second!r}")
    return [first, second], took


@attack("someone who guesses passwords", "wrong passwords for one account from a thousand addresses at once",
        "the owner logs in from elsewhere while they wait")
def guesses_from_many_addresses_leave_the_owner_in(arena: Arena) -> str:
    server = arena.serve("--max-connections", "3000", *KEPT, hashed=True)
    if not server.loopback:
        count = 20
    else:
        count = arena.many(40, 1000)
    with held() as sessions:
        sessions += [server.session(number) for number in range(count)]
        for session in sessions:
            must(session.say(f"USER {server.owner.name}").startswith(b"+OK"), "USER is refused")
        for session in sessions:
            session.send(b"PASS wrong\r\n")
        server.honest()
        for session in sessions:
            must(not session.line().startswith(b"+OK"), "a wrong password is let in")
        server.honest()
    return f"{count} guesses"


@attack("someone who guesses passwords", "a hundred guesses on one connection, and the right password behind them",
        "each refusal comes later, the connection ends after a few, and the right password is not even tried")
def guesses_get_slower_and_end_the_connection(arena: Arena) -> str:
    server = arena.serve()
    guesses = f"USER {server.owner.name}\r\nPASS wrong\r\n" * 100
    behind = f"USER {server.owner.name}\r\nPASS {server.owner.password}\r\nSTAT\r\nQUIT\r\n"
    begun = time.monotonic()
    with server.session() as session:
        session.send((guesses + behind).encode())
        lines, refusals = [], 0
        # It does not wait for a hundred of them.
        while refusals <= 5 and (line := session.line()):
            lines.append(line)
            refusals += line.startswith(b"-ERR")
    took = time.monotonic() - begun
    must(refusals <= 5, f"more than 5 guesses on one connection, in {took:.1f} s")
    must(lines and lines[-1].startswith(b"-ERR"), f"something is answered behind the last refusal: {lines[-1:]}")
    # Never judged by how slow, only by how fast.
    must(took >= DELAY * refusals, f"{refusals} refusals in {took:.1f} s")
    return f"{refusals} refusals in {took:.1f} s"


@attack("someone who wants to know which names exist", "wrong passwords for names that exist and that do not, by each mechanism",
        "all texts are the same")
def names_are_not_told_by_text(arena: Arena) -> str:
    server = arena.serve()
    known = server.owner.name
    names = [known, known.upper(), f"{known}x", "nobody-here", "root", "a" * 60]
    with held() as sessions:
        texts = {}
        for number, name in enumerate(names):
            session = server.session(number)
            sessions.append(session)
            texts[name] = [session.say(f"USER {name}")]
            session.send(b"PASS wrong\r\n")
        for session, name in zip(list(sessions), names, strict=True):
            texts[name].append(session.line())
        different = {name: text for name, text in texts.items() if text != texts[known]}
        must(not different, f"{known}: {texts[known]}, but {different}")
        # By each mechanism that is offered.
        probe = server.session(900)
        sessions.append(probe)
        probe.good("CAPA")
        offered = next((line.split()[1:] for line in probe.lines() or [] if line.startswith(b"SASL ")), [])
        begun = [compare(server, number, mechanism.decode(), [known, "nobody-here", f"{known}x"], sessions)
                 for number, mechanism in enumerate(offered)]
        for finish in begun:
            finish()
    return f"{len(names) + 3 * len(offered)} logins, by USER{''.join(', ' + one.decode() for one in offered)}"


def compare(server: Server, row: int, mechanism: str, names: list[str], sessions: list[Session]) -> Callable[[], None]:
    """Begins a login with each name. The result reads the refusals, and fails unless all names get the same replies.

    What is random, or belongs to a name, may differ.
    """
    replies: dict[str, list[bytes]] = {}
    begun = []
    for number, name in enumerate(names):
        session = server.session(1000 + 10 * row + number)
        sessions.append(session)
        replies[name] = []
        if mechanism == "PLAIN":
            session.send(b"AUTH PLAIN " + base64.b64encode(f"\0{name}\0wrong".encode()) + b"\r\n")
        elif mechanism == "LOGIN":
            replies[name] += [session.say("AUTH LOGIN"), session.say(base64.b64encode(name.encode()))]
            session.send(base64.b64encode(b"wrong") + b"\r\n")
        elif mechanism.startswith("SCRAM-") and not mechanism.endswith("-PLUS"):
            session.say(f"AUTH {mechanism}")
            challenge = session.say(base64.b64encode(f"n,,n={name},r={secrets.token_hex(8)}".encode()))
            must(challenge.startswith(b"+ "), f"{mechanism} for {name}: {challenge!r}")
            fields = dict(part.split(b"=", 1) for part in base64.b64decode(challenge[2:]).split(b","))
            replies[name].append(b"%d %d %s" % (len(base64.b64decode(fields[b"s"])), len(fields[b"r"]), fields[b"i"]))
            proof = base64.b64encode(b"x" * {"1": 20, "6": 32, "2": 64}[mechanism[-1]])
            session.send(base64.b64encode(b"c=biws,r=" + fields[b"r"] + b",p=" + proof) + b"\r\n")
        else:
            continue
        begun.append((name, session))

    def finish() -> None:
        for name, session in begun:
            reply = session.line()
            must(not reply.startswith(b"+OK"), f"{mechanism}: {name} is let in")
            replies[name].append(reply)
        must(len({tuple(reply) for reply in replies.values()}) == 1, f"{mechanism} tells names apart: {replies}")

    return finish


def mann_whitney(one: list[float], other: list[float]) -> float:
    """The probability that two samples of the same distribution differ this much in their ranks (two-sided)."""
    ranked = sorted((value, which) for which, values in enumerate((one, other)) for value in values)
    ranks = sum(rank for rank, (_, which) in enumerate(ranked, 1) if which == 0)
    first, second = len(one), len(other)
    wins = ranks - first * (first + 1) / 2
    deviation = math.sqrt(first * second * (first + second + 1) / 12)
    return math.erfc(abs(wins - first * second / 2) / deviation / math.sqrt(2))


@attack("someone who wants to know which names exist", "measures how long the refusals of known and unknown names take",
        "no refusal comes before its time, which hides the work; in the long run, the times do not tell names apart")
def names_are_not_told_by_time(arena: Arena) -> str:
    server = arena.serve("--max-connections", "3000", "--max-connections-per-ip", "3000", hashed=True)
    rounds = max(10, arena.many(10, 60)) if server.loopback else 5
    times: dict[bool, list[float]] = {True: [], False: []}
    lock = threading.Lock()

    def probe(number: int) -> None:
        known = number % 2 == 0
        # From an address that has not failed before, so that nothing but the name differs.
        try:
            with server.session(5000 + number) as session:
                _, took = refused(session, server.owner.name if known else f"nobody{number}")
        except (Failed, OSError):
            took = math.inf
        with lock:
            times[known].append(took)

    for first in range(0, 2 * rounds, 4):
        # Known and unknown names at the same time, so that what else the machine does concerns both.
        threads = [threading.Thread(target=probe, args=(number,)) for number in range(first, first + 4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if first % 40 == 0:
            server.honest()
    every = times[True] + times[False]
    must(math.inf not in every, "a guess was not answered")
    must(min(every) >= DELAY, f"a refusal has come after {min(every):.3f} s, before its time")
    p = mann_whitney(times[True], times[False])
    apart = statistics.median(times[True]) - statistics.median(times[False])
    figure = f"medians differ by {apart * 1000:+.2f} ms, p = {p:.3f}, {len(every)} guesses, none before {min(every):.3f} s"
    # A machine that does something else may make them differ a little, and so does chance.
    must(arena.ci or not arena.long or p > 1e-6 or abs(apart) < 0.005, figure)
    return figure


HOSTILE = [
    "../outside", "..", ".", "/", "//outside", "../maildrops/olivia", "olivia/../olivia", "olivia/", "./olivia", "outside/../olivia",
    "olivia\0", "olivia\0x", "\0olivia", "ol\x7fivia", "olivia\x1b[2J", "%s%s%s%n", "%2e%2e%2foutside", "${HOME}", "`id`", "$(id)", "|id",
    "*", "?", "oliv*", "' OR '1'='1", "*)(uid=*", "olivia,cn=x", "~root", "~", "-rf", "--help", "CON", "olivia:x", "x" * 300, "x" * 900,
    "\u043elivia", "ol\u0456via", "olivi\u0430", "\uff4flivia", "olivia\u200b", "olivia\u202e", "oli\u0301via", "\u00f6" * 100,
    'evil" user="root', "evil peer=10.9.8.7 user=root", "a\\", "olivia\\n", "olivia\u2028FORGED", "olivia\x85FORGED",
]
INJECTED = ["olivia\r\nDELE 1", "olivia\n2026-01-01T00:00:00Z  INFO session user=root FORGED", "olivia\nQUIT", "a\r\n.\r\n", "olivia\r"]


@attack("someone who sends hostile names", "names with slashes, NUL, line ends, formats, look-alikes, and the owner's password",
        "none of them opens a maildrop, all get the same text, no file appears, and no line of the log is forged", "ours")
def hostile_names_open_nothing(arena: Arena) -> str:
    tried = 0
    for options in ((), ("--utf8", "--log-format", "json")):
        server = arena.serve("--log", "debug", "--max-connections-per-ip", "1000", *options)
        assert isinstance(server, Ours)
        # A Maildir beside the maildrops.
        (server.home / "outside" / "new").mkdir(parents=True)
        (server.home / "outside" / "cur").mkdir()
        before = sorted(str(path) for path in server.home.rglob("*") if server.maildir(OWNER.name) not in path.parents)
        with held() as sessions:
            waiting = []
            for number, name in enumerate(HOSTILE + INJECTED):
                session = server.session(number)
                sessions.append(session)
                if name in HOSTILE:
                    first = session.say(b"USER " + name.encode())
                    if first.startswith(b"-ERR"):
                        continue
                    session.send(f"PASS {OWNER.password}\r\n".encode())
                    waiting.append((name, session))
                # The same within AUTH, where the name may hold anything.
                other = server.session(2000 + number)
                sessions.append(other)
                other.send(b"AUTH PLAIN " + base64.b64encode(f"\0{name}\0{OWNER.password}".encode()) + b"\r\n")
                waiting.append((name, other))
                # The right name, and a hostile one to act for.
                third = server.session(4000 + number)
                sessions.append(third)
                third.send(b"AUTH PLAIN " + base64.b64encode(f"{name}\0{OWNER.name}\0{OWNER.password}".encode()) + b"\r\n")
                waiting.append((name, third))
            for name, session in waiting:
                reply = session.line()
                if reply.startswith(b"+OK") and not (options and prepared(name) == OWNER.name):
                    raise Failed(f"{name!r} is let in: {reply!r}")
                if reply.startswith(b"+OK"):
                    session.say("QUIT")
                must(b"FORGED" not in reply and b"root" not in reply, f"{name!r} is reflected: {reply!r}")
                tried += 1
        after = sorted(str(path) for path in server.home.rglob("*") if server.maildir(OWNER.name) not in path.parents)
        must(after == before, f"files have appeared: {set(after) ^ set(before)}")
    return f"{tried} logins, text and JSON"


def prepared(name: str) -> str:
    """The name after SASLprep (RFC 4013), as far as the names above need it: width and invisible characters."""
    return name.replace("\uff4f", "o").replace("\u200b", "").replace("\u00ad", "")
