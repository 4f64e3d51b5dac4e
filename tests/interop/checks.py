"""The checks: what a server must do for real clients, and what the fetcher must do with real servers."""

from __future__ import annotations

import poplib
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import corpus
from clients import (CLIENTS, MODES, Client, Failed, Login, curl, curl_url, fetch_curl, fetch_mpop, fetch_poplib,
                     poplib_message, poplib_session)
from relay import Relays


@dataclass
class Report:
    """Counts the checks and prints a line for each."""

    only: str = ""
    passed: int = 0
    failed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, name: str, run: Callable[[], None], *, needed: bool = False) -> None:
        """Runs a check, unless other checks were selected and none of them needs it."""
        if self.only not in name and not needed:
            return
        began = time.monotonic()
        try:
            run()
        except Exception as error:  # noqa: BLE001 - any failure of a check is a failed check
            kind = "" if isinstance(error, Failed) else f"{type(error).__name__}: "
            with self.lock:
                self.failed += 1
                print(f"FAIL  {name}: {kind}{error}", flush=True)
        else:
            with self.lock:
                self.passed += 1
                print(f"ok    {name} ({time.monotonic() - began:.1f} s)", flush=True)


def expect(what: str, condition: bool) -> None:
    if not condition:
        raise Failed(what)


def compare(expected: dict[str, bytes], got: list[bytes]) -> None:
    """Checks that the messages are there, each once and octet by octet, in any order."""
    wanted = Counter(expected.values())
    have = Counter(got)
    if wanted == have:
        return
    missing = [(name, octets) for name, octets in expected.items() if have[octets] < wanted[octets]]
    extra = list((have - wanted).elements())
    texts = [f"{len(got)} messages for {len(expected)}"]
    for name, octets in missing[:5]:
        near = max(extra, key=lambda other: _common(octets, other), default=b"")
        at = _common(octets, near)
        texts.append(f"{name} ({len(octets)} octets): at {at} {octets[at:at + 24]!r}, not {near[at:at + 24]!r}")
    if not missing:
        texts += [f"not expected: {octets[:60]!r}" for octets in extra[:5]]
    raise Failed("; ".join(texts))


def _common(one: bytes, other: bytes) -> int:
    """How many octets the beginnings of two messages have in common."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


# `pop3 serve` and the clients


@dataclass
class ServerChecks:
    """Everything that is checked about one running server."""

    report: Report
    server: object
    label: str
    login: Login
    work: Path
    sent: Callable[[corpus.Message], bytes]
    sets: dict[str, list[corpus.Message]]
    ours: bool
    relays: Relays

    def check(self, name: str, run: Callable[[], None]) -> None:
        self.report.check(f"{self.label}: {name}", run)

    def directory(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.work))

    def as_user(self, user: str) -> Login:
        return replace(self.login, user=user)

    def everything(self) -> None:
        for set_name, messages in self.sets.items():
            for client in CLIENTS:
                if set_name in client.sets:
                    self.fetch(client, set_name, [one for one in messages if client.takes(one.name)])
        for mode in MODES:
            self.check(f"figures, {mode}", lambda mode=mode: self.figures(mode))
        self.check("curl asks LIST, UIDL and TOP", self.curl_commands)
        self.check("same unique-ids in the next session", self.same_uids)
        self.check("DELE and QUIT", self.delete_and_quit)
        self.check("DELE and a dropped connection", self.delete_and_drop)
        self.check("STLS is offered before TLS, not after", self.stls_offered)
        if self.ours:
            self.check("a second session is refused as in use", self.in_use)
        for mode in MODES:
            self.check(f"wrong password, {mode}", lambda mode=mode: self.wrong_password(mode))

    def fetch(self, client: Client, set_name: str, messages: list[corpus.Message]) -> None:
        """The whole set over each TLS mode, from a maildrop that is read repeatedly."""
        self.server.fill("alice", messages)
        expected = {one.name: client.received(self.sent(one)) for one in messages}
        for mode in MODES:
            self.check(
                f"{client.name} fetches {set_name}, {mode}",
                lambda mode=mode: compare(expected, client.fetch(self.server, self.login, mode, self.directory())),
            )

    def figures(self, mode: str) -> None:
        """STAT and LIST report the octets that RETR sends, and TOP sends the beginning of the message."""
        messages = [one for name in ("awkward", "odd") for one in self.sets.get(name, [])]
        self.server.fill("alice", messages)
        session = poplib_session(self.server, self.login, mode)
        count, octets = session.stat()
        sizes = [int(line.split()[1]) for line in session.list()[1]]
        expect(f"STAT says {count}, LIST {len(sizes)}, of {len(messages)}", count == len(sizes) == len(messages))
        expect(f"STAT says {octets} octets, LIST {sum(sizes)}", octets == sum(sizes))
        for number, size in enumerate(sizes, start=1):
            body = poplib_message(session, number)
            if self.ours:
                expect(f"LIST {number} says {size}, RETR sends {len(body)}", size == len(body))
            top = b"".join(line + b"\r\n" for line in session.top(number, 1)[1])
            head, _, rest = body.partition(b"\r\n\r\n")
            if body.startswith(b"\r\n"):
                head, rest = b"", body[2:]
            first = rest.split(b"\r\n")[0]
            expect(f"TOP {number} 1 is not the start", body.startswith(top) and head in top and first in top)
            expect(f"TOP {number} 1 is too long", len(top) <= len(head) + len(first) + 6)
        session.quit()

    def curl_commands(self) -> None:
        self.server.fill("alice", corpus.small(3))
        url = f'url = "{curl_url(self.server, "plain")}"'
        listing = curl(self.server, self.login, "plain", self.directory(), [url])
        expect(f"LIST: {listing!r}", [line.split()[0] for line in listing.splitlines()] == ["1", "2", "3"])
        uids = curl(self.server, self.login, "plain", self.directory(), [url, 'request = "UIDL"'])
        expect(f"UIDL: {uids!r}", len({line.split()[1] for line in uids.splitlines()}) == 3)
        top = curl(self.server, self.login, "plain", self.directory(), [url, 'request = "TOP 1 0"'])
        expect(f"TOP: {top!r}", "Number" not in top and "X-Corpus" in top)

    def same_uids(self) -> None:
        self.server.fill("alice", corpus.small(20))
        found = []
        for mode in ("plain", "tls", "plain"):
            session = poplib_session(self.server, self.login, mode)
            session.retr(1)
            found.append(session.uidl()[1])
            session.quit()
        expect("UIDL changed", found[0] == found[1] == found[2])

    def delete_and_quit(self) -> None:
        messages = corpus.small(5)
        self.server.fill("alice", messages)
        session = poplib_session(self.server, self.login, "plain")
        kept = [session.uidl(number).split()[2] for number in (1, 3, 5)]
        bodies = [poplib_message(session, number) for number in (2, 4)]
        session.dele(2)
        session.dele(4)
        expect("STAT still counts marked messages", session.stat()[0] == 3)
        session.quit()
        expect(f"{self.server.stored('alice')} files are left of 5", self.server.stored("alice") == 3)
        session = poplib_session(self.server, self.login, "tls")
        left = [line.split()[1] for line in session.uidl()[1]]
        expect(f"left are {left}, not {kept}", left == kept)
        expected = {one.name: self.sent(one) for one in messages if self.sent(one) not in bodies}
        compare(expected, [poplib_message(session, number) for number in (1, 2, 3)])
        session.quit()

    def delete_and_drop(self) -> None:
        """A session that ends without QUIT removes nothing, and the maildrop is soon unlocked."""
        for mode in MODES:
            self.server.fill("alice", corpus.small(4))
            session = poplib_session(self.server, self.login, mode)
            session.dele(1)
            session.retr(2)
            session.close()
            again = self.login_soon("plain")
            expect(f"{again.stat()[0]} messages after a drop, {mode}", again.stat()[0] == 4)
            again.quit()
            expect("files are gone", self.server.stored("alice") == 4)

    def login_soon(self, mode: str) -> poplib.POP3:
        """Logs in as soon as the previous session has ended. A server may need a moment to notice that."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return poplib_session(self.server, self.login, mode)
            except poplib.error_proto as refused:
                if time.monotonic() > deadline or b"[IN-USE]" not in refused.args[0]:
                    raise
                time.sleep(0.05)

    def stls_offered(self) -> None:
        before = poplib.POP3("127.0.0.1", self.server.plain, timeout=30)
        expect("no STLS before TLS", "STLS" in before.capa())
        before.quit()
        for mode in ("stls", "tls"):
            session = poplib_session(self.server, self.login, mode)
            expect(f"STLS under TLS, {mode}", "STLS" not in session.capa())
            session.quit()

    def in_use(self) -> None:
        self.server.fill("alice", corpus.small(3))
        first = poplib_session(self.server, self.login, "plain")
        try:
            poplib_session(self.server, self.login, "tls").quit()
        except poplib.error_proto as refused:
            expect(f"refused with {refused.args[0]!r}", b"[IN-USE]" in refused.args[0])
        else:
            raise Failed("a second session was let in")
        first.dele(1)
        first.quit()
        # The lock must be released when QUIT has been answered, so this does not try twice.
        second = poplib_session(self.server, self.login, "tls")
        expect("the next session sees the removal", second.stat()[0] == 2)
        second.quit()

    def wrong_password(self, mode: str) -> None:
        """A wrong password and an unknown user get the same refusal, and the right password continues to work."""
        said = []
        # A server delays an address after failures, so the next check must use another address.
        door = self.relays.door(self.server)
        for user, password in (("alice", "wrong"), ("nobody-of-that-name", self.login.password)):
            try:
                poplib_session(door, replace(self.login, user=user, password=password), mode)
            except poplib.error_proto as refused:
                said.append(refused.args[0])
            else:
                raise Failed(f"{user} was let in")
        expect(f"unknown user and wrong password differ: {said}", said[0] == said[1])
        expect(f"not marked as [AUTH]: {said[0]!r}", b"[AUTH]" in said[0])
        poplib_session(door, self.login, mode).quit()

    def apop(self) -> None:
        """APOP with each client that supports it, with a server that offers it."""
        messages = self.sets["awkward"]
        self.server.fill("alice", messages)
        login = replace(self.login, apop=True)
        for name, fetch, received in (("poplib", fetch_poplib, None), ("curl", fetch_curl, None), ("mpop", fetch_mpop, "LF")):
            if name == "mpop" and not self.ours:
                continue  # mpop refuses the timestamp of Dovecot
            octets = {one.name: self.sent(one) for one in messages}
            if received:
                octets = {one: content.replace(b"\r\n", b"\n") for one, content in octets.items()}
            for mode in MODES:
                self.check(
                    f"APOP by {name}, {mode}",
                    lambda mode=mode, fetch=fetch, octets=octets: compare(
                        octets, fetch(self.server, login, mode, self.directory())),
                )

        def refused() -> None:
            try:
                poplib_session(self.server, replace(login, password="wrong"), "plain")
            except poplib.error_proto:
                return
            raise Failed("a wrong digest was let in")

        self.check("APOP with a wrong password", refused)


# `pop3 fetch` and the servers


def first_dot_lost(octets: bytes) -> bytes:
    """Dovecot and Courier send a dot in the first octet without stuffing, so the client removes it."""
    return octets[1:] if octets.startswith(b".") else octets


def from_dovecot(message: corpus.Message) -> bytes:
    """What a correct client receives from Dovecot. A message without an octet arrives as an empty line."""
    return first_dot_lost(message.wire or b"\r\n")


def from_courier(message: corpus.Message) -> bytes:
    """What a correct client receives from Courier, which puts a CR before each LF, even if there is one already."""
    sent = message.stored.replace(b"\n", b"\r\n")
    return first_dot_lost(sent if sent.endswith(b"\n") else sent + b"\r\n")


def courier_sends(message: corpus.Message) -> bool:
    """Courier replaces a message with 8-bit octets in its header by a notice, so it is skipped."""
    return not message.name.startswith(("utf8-header", "latin1-header"))


@dataclass
class FetchChecks:
    """Everything that is checked about the fetcher, with one peer."""

    report: Report
    peer: object
    label: str
    login: Login
    work: Path
    fetcher: Callable[[Path], object]
    received: Callable[[corpus.Message], bytes]
    sets: dict[str, list[corpus.Message]]

    def check(self, name: str, run: Callable[[], None]) -> None:
        self.report.check(f"{self.label}: {name}", run)

    def directory(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.work))

    def everything(self) -> None:
        for set_name, messages in self.sets.items():
            self.peer.fill("alice", messages)
            for mode in MODES:
                self.check(f"fetch of {set_name}, {mode}", lambda m=messages, mode=mode: self.fetch(m, mode))
        self.check("only what is new", self.only_new)
        for mode in MODES:
            self.check(f"--delete, {mode}", lambda mode=mode: self.delete(mode))
        self.check("a message that is a lone dot deletes nothing", self.lone_dot)
        self.check("a wrong password is exit code 4", self.wrong_password)

    def expected(self, messages: list[corpus.Message]) -> dict[str, bytes]:
        return {one.name: self.received(one) for one in messages}

    def fetch(self, messages: list[corpus.Message], mode: str) -> None:
        fetcher = self.fetcher(self.directory())
        compare(self.expected(messages), fetcher.run(self.peer, self.login, mode))
        expect("mail was removed", self.peer.stored("alice") == len(messages))

    def only_new(self) -> None:
        """A second run fetches nothing, and a third one fetches the message that arrived in between."""
        messages = corpus.small(30)
        self.peer.fill("alice", messages[:29])
        fetcher = self.fetcher(self.directory())
        compare(self.expected(messages[:29]), fetcher.run(self.peer, self.login, "plain"))
        compare(self.expected(messages[:29]), fetcher.run(self.peer, self.login, "plain"))
        self.peer.deliver("alice", messages[29], 29)
        compare(self.expected(messages), fetcher.run(self.peer, self.login, "stls"))

    def delete(self, mode: str) -> None:
        messages = [one for one in self.sets["awkward"]] + corpus.small(50)
        self.peer.fill("alice", messages)
        fetcher = self.fetcher(self.directory())
        compare(self.expected(messages), fetcher.run(self.peer, self.login, mode, "--delete"))
        # Courier answers QUIT before it removes anything.
        deadline = time.monotonic() + 120
        while self.peer.stored("alice") and time.monotonic() < deadline:
            time.sleep(0.01)
        expect(f"{self.peer.stored('alice')} messages are left", self.peer.stored("alice") == 0)
        compare(self.expected(messages), fetcher.run(self.peer, self.login, mode, "--delete"))

    def lone_dot(self) -> None:
        """Both peers send `.` unstuffed, so the reply ends early. The fetcher reports that and then removes nothing."""
        messages = [*corpus.small(3), next(one for one in corpus.poison() if one.name == "dot-line-first")]
        self.peer.fill("alice", messages)
        fetcher = self.fetcher(self.directory())
        fetcher.run(self.peer, self.login, "plain", "--delete", codes=(1, 5))
        left = self.peer.maildir("alice")
        bodies = [path.read_bytes() for sub in ("cur", "new") for path in (left / sub).iterdir()]
        expect("the message that came in pieces was removed", messages[3].stored in bodies)

    def wrong_password(self) -> None:
        self.peer.fill("alice", corpus.small(1))
        fetcher = self.fetcher(self.directory())
        got = fetcher.run(self.peer, replace(self.login, password="wrong"), "tls", codes=(4,))
        expect("something was fetched", not got)
