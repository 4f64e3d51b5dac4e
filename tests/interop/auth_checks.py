"""Checks of logins: which client can log in to a server by which mechanism, and what wrong credentials do."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import corpus
from checks import Report, expect
from clients import Failed
from logins import CLEAR, DEFAULTS, OWN_CHOICE, TOKENS, Credentials, LoginClient, Refused
from relay import Relays

MESSAGES = 3
MODES = ("stls", "tls")
WORKERS = 8
# The fetcher that logs in to the peers.
USER = "fetcher"


@dataclass
class Logins:
    """What all checks of logins to a server need."""

    report: Report
    server: object
    label: str
    credentials: Callable[[str], Credentials]
    work: Path
    relays: Relays


@dataclass
class AuthChecks(Logins):
    """Everything that is checked about the logins of one server. Clients have their own users and run in parallel."""

    offered: tuple[str, ...]
    clients: list[LoginClient]
    bindings: tuple[str, ...] = ()
    # Mechanisms by client that do not work between this server and the client. The docs give the reason.
    apart: tuple[tuple[str, str], ...] = ()
    # A user with a non-ASCII name.
    foreigner: str = ""
    # Whether to try wrong credentials, too.
    wrong: bool = True

    def everything(self) -> None:
        by_user: dict[str, list[Callable[[], None]]] = defaultdict(list)
        for user in {client.user_for(mechanism) for client in self.clients for mechanism in client.mechanisms}:
            self.server.fill(user, corpus.small(MESSAGES))
        if "ANONYMOUS" in self.offered:
            self.server.fill(self.server.anonymous, corpus.small(MESSAGES))
        for client in self.clients:
            for number, mechanism in enumerate(client.mechanisms):
                if not self.shared(client, mechanism):
                    continue
                for mode in MODES:
                    key = "ANONYMOUS" if mechanism == "ANONYMOUS" else client.user_for(mechanism)
                    by_user[key].append(lambda c=client, m=mechanism, mode=mode: self.check(
                        f"{c.name} logs in by {m}, {mode}", lambda: self.login(c, m, mode)))
                if self.wrong and mechanism != "ANONYMOUS":
                    mode = MODES[number % 2]
                    by_user[client.user + "-wrong"].append(lambda c=client, m=mechanism, mode=mode: self.check(
                        f"{c.name} is refused by {m}, {mode}", lambda: self.refused(c, m, mode)))
        with ThreadPoolExecutor(WORKERS) as pool:
            for checks in by_user.values():
                pool.submit(lambda checks=checks: [check() for check in checks])
        if self.foreigner:
            self.beyond_ascii(self.foreigner)
            for client in self.clients:
                if client.name in OWN_CHOICE:
                    self.check(f"{client.name} logs in as it likes", lambda c=client: self.own_choice(c))

    def beyond_ascii(self, user: str) -> None:
        """A non-ASCII name and password, with the clients that send them as UTF-8."""
        self.server.fill(user, corpus.small(MESSAGES))
        for name, mechanism in (("poplib", "UTF8"), ("curl", "PLAIN"), ("mpop 1.4.18", "SCRAM-SHA-256"), ("mutt", "PLAIN"),
                                ("JavaMail", "PLAIN"), ("python gsasl", "SCRAM-SHA-1"), ("python aiosasl", "SCRAM-SHA-256")):
            for client in self.clients:
                if client.name == name:
                    self.check(f"{name} logs in by {mechanism}, name and password beyond ASCII",
                               lambda c=client, m=mechanism: self.login(replace(c, user=user), m, "tls"))

    def shared(self, client: LoginClient, mechanism: str) -> bool:
        if mechanism.endswith("-PLUS") and client.binding not in self.bindings:
            return False
        return mechanism.removesuffix("-PLUS") in self.offered and (client.name, mechanism) not in self.apart

    def check(self, name: str, run: Callable[[], None]) -> None:
        self.report.check(f"{self.label}: {name}", run)

    def directory(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.work))

    def own_choice(self, client: LoginClient) -> None:
        """What a client chooses by default. The password is stored in plain text, because some choose CRAM-MD5."""
        self.server.fill(client.user + CLEAR, corpus.small(MESSAGES))
        self.login(replace(client, user=client.user + CLEAR), "", "tls", OWN_CHOICE[client.name])

    def defaults(self) -> None:
        """Clients with their defaults, and a server with its defaults."""
        for client in self.clients:
            self.server.fill(client.user, corpus.small(MESSAGES))
            for mode in MODES:
                self.check(f"{client.name} with default settings, {mode}",
                           lambda c=client, mode=mode: self.login(c, "", mode, DEFAULTS[c.name]))

    def login(self, client: LoginClient, mechanism: str, mode: str, taken: str = "") -> None:
        """Checks that all messages are there, and that the server logs this mechanism."""
        own = client.user_for(mechanism)
        user = self.server.anonymous if mechanism == "ANONYMOUS" else own
        mark = self.server.log.stat().st_size
        try:
            count = client.login(self.server, self.credentials(own), mechanism, mode, self.directory())
        except Refused as refused:
            raise Failed(f"refused: {refused}") from refused
        expect(f"{count} messages, not {MESSAGES}", count == MESSAGES)
        wanted = "USER" if mechanism == "UTF8" else taken or mechanism
        found = wait_for(lambda: self.server.mechanisms_used(user, mark))
        expect(f"the server's log names {found}", wanted in found)

    def refused(self, client: LoginClient, mechanism: str, mode: str) -> None:
        """A wrong password, a wrong token, or a certificate of another user: the client reports the refusal."""
        who = self.credentials(client.user_for(mechanism))
        if mechanism == "EXTERNAL":
            stranger = self.credentials("stranger")
            who = replace(who, cert=stranger.cert, key=stranger.key)
        elif mechanism in TOKENS:
            who = replace(who, token="wrong-" + who.token)
        else:
            who = replace(who, password="wrong" + who.password)
        try:
            count = client.login(self.relays.door(self.server), who, mechanism, mode, self.directory())
        except Refused as refused:
            self.server.check_refusal(str(refused))
        else:
            raise Failed(f"let in, with {count} messages")



@dataclass
class FetchAuthChecks:
    """`pop3 fetch` logs in to a real server by each mechanism."""

    report: Report
    peer: object
    label: str
    credentials: Callable[[str], Credentials]
    work: Path
    fetcher: Callable[[Path], object]
    offered: tuple[str, ...]
    # The mechanism that `auto` chooses.
    strongest: str
    # Whether -PLUS is offered, with a type of binding that we do not support.
    unknown_binding: bool = False

    def check(self, name: str, run: Callable[[], None]) -> None:
        self.report.check(f"{self.label}: {name}", run)

    def everything(self) -> None:
        for mechanism in self.offered:
            for mode in MODES:
                self.check(f"--auth {mechanism.lower()}, {mode}", lambda m=mechanism, mode=mode: self.login(m, m, mode))
            if mechanism != "ANONYMOUS":
                self.check(f"--auth {mechanism.lower()}, wrong", lambda m=mechanism: self.refused(m))
        for mode in MODES:
            self.check(f"--auth auto, {mode}", lambda mode=mode: self.login("auto", self.strongest, mode))
            if self.unknown_binding:
                self.check(f"--require-binding is refused, {mode}", lambda mode=mode: self.no_binding(mode))

    def run(self, mechanism: str, who: Credentials, mode: str, codes: tuple[int, ...], *more: str) -> list[bytes]:
        options = ["--auth", mechanism.lower(), *more]
        if mechanism == "EXTERNAL":
            options += ["--client-cert", str(who.cert), "--client-key", str(who.key)]
        if mechanism in TOKENS:
            options += ["--token-command", f"echo {who.token}"]
        fetcher = self.fetcher(Path(tempfile.mkdtemp(dir=self.work)))
        return fetcher.run(self.peer, who, mode, *options, codes=codes)

    def login(self, mechanism: str, wanted: str, mode: str) -> None:
        who = self.credentials(USER)
        user = self.peer.anonymous if mechanism == "ANONYMOUS" else USER
        mark = self.peer.log.stat().st_size
        # Cyrus admits the anonymous user, but nobody can create a mailbox with that name, so it sends [SYS/TEMP].
        no_mailbox = mechanism == "ANONYMOUS" and self.peer.name == "cyrus"
        got = self.run(mechanism, who, mode, (6,) if no_mailbox else (0,))
        expect(f"{len(got)} messages, not {MESSAGES}", len(got) == (0 if no_mailbox else MESSAGES))
        found = wait_for(lambda: self.peer.mechanisms_used(user, mark))
        expect(f"the server's log names {found}, not {wanted}", wanted in found)

    def no_binding(self, mode: str) -> None:
        """Cyrus offers -PLUS without a binding that we support, so a client that requires a binding cannot log in."""
        got = self.run("auto", self.credentials(USER), mode, (4,), "--require-binding")
        expect("something was fetched", not got)

    def refused(self, mechanism: str) -> None:
        who = self.credentials(USER)
        if mechanism == "EXTERNAL":
            stranger = self.credentials("stranger")
            who = replace(who, cert=stranger.cert, key=stranger.key)
        who = replace(who, password="wrong", token="wrong")
        expect("something was fetched", not self.run(mechanism, who, "tls", (4,)))


def wait_for(look: Callable[[], list[str]]) -> list[str]:
    """What a server logs after a session has ended."""
    deadline = time.monotonic() + 60
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


@dataclass
class ProxyChecks(Logins):
    """Logins through a proxy: the server must log the address of the client, and that there was a proxy."""

    proxy: object

    def everything(self, clients: list[LoginClient], mechanisms: tuple[str, ...]) -> None:
        for client in clients:
            self.server.fill(client.user, corpus.small(MESSAGES))
            for mechanism in client.mechanisms:
                if mechanism in mechanisms:
                    self.report.check(f"{self.label}: {client.name} logs in by {mechanism}",
                                      lambda c=client, m=mechanism: self.login(c, m))
                    self.report.check(f"{self.label}: {client.name} is refused by {mechanism}",
                                      lambda c=client, m=mechanism: self.refused(c, m))

    def login(self, client: LoginClient, mechanism: str) -> None:
        door = self.relays.door(self.proxy)
        mark = self.server.log.stat().st_size
        count = client.login(door, self.credentials(client.user), mechanism, "tls", Path(tempfile.mkdtemp(dir=self.work)))
        expect(f"{count} messages, not {MESSAGES}", count == MESSAGES)
        sessions = wait_for(lambda: [one for one in self.server.sessions(mark) if one["user"] == client.user])
        said = f"the server's log says {sessions}; the client came from {door.source}"
        expect(said, len(sessions) == 1 and sessions[0]["peer"].startswith(door.source + ":"))
        expect(said, sessions[0]["proxy"].startswith("127.0.0.1:"))

    def refused(self, client: LoginClient, mechanism: str) -> None:
        who = self.credentials(client.user)
        who = replace(who, password="wrong" + who.password, token="wrong-" + who.token)
        try:
            client.login(self.relays.door(self.proxy), who, mechanism, "tls", Path(tempfile.mkdtemp(dir=self.work)))
        except Refused:
            return
        raise Failed("let in")
