"""The checks of logins: which client gets into a server by which mechanism, and what happens to wrong credentials."""

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
from logins import TOKENS, Credentials, LoginClient, Refused
from relay import Relays

MESSAGES = 3
MODES = ("stls", "tls")
WORKERS = 8
# Who fetches from the peers.
USER = "fetcher"


@dataclass
class AuthChecks:
    """Everything asked of one server's logins. Users are kept apart, so that clients run at the same time."""

    report: Report
    server: object
    label: str
    credentials: Callable[[str], Credentials]
    work: Path
    relays: Relays
    offered: tuple[str, ...]
    bindings: tuple[str, ...] = ()
    # Mechanisms by client that this server and the client cannot do with each other, with the reason in the docs.
    apart: tuple[tuple[str, str], ...] = ()

    def everything(self, clients: list[LoginClient]) -> None:
        by_user: dict[str, list[Callable[[], None]]] = defaultdict(list)
        for user in {client.user_for(mechanism) for client in clients for mechanism in client.mechanisms}:
            self.server.fill(user, corpus.small(MESSAGES))
        if "ANONYMOUS" in self.offered:
            self.server.fill(self.server.anonymous, corpus.small(MESSAGES))
        for client in clients:
            for number, mechanism in enumerate(client.mechanisms):
                if not self.shared(client, mechanism):
                    continue
                for mode in MODES:
                    key = "ANONYMOUS" if mechanism == "ANONYMOUS" else client.user_for(mechanism)
                    by_user[key].append(lambda c=client, m=mechanism, mode=mode: self.check(
                        f"{c.name} logs in by {m}, {mode}", lambda: self.login(c, m, mode)))
                if mechanism != "ANONYMOUS":
                    by_user[client.user + "-wrong"].append(lambda c=client, m=mechanism, mode=MODES[number % 2]: self.check(
                        f"{c.name} is refused by {m}, {mode}", lambda: self.refused(c, m, mode)))
        with ThreadPoolExecutor(WORKERS) as pool:
            for checks in by_user.values():
                pool.submit(lambda checks=checks: [check() for check in checks])

    def shared(self, client: LoginClient, mechanism: str) -> bool:
        if mechanism.endswith("-PLUS") and client.binding not in self.bindings:
            return False
        return mechanism.removesuffix("-PLUS") in self.offered and (client.name, mechanism) not in self.apart

    def check(self, name: str, run: Callable[[], None]) -> None:
        self.report.check(f"{self.label}: {name}", run)

    def directory(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.work))

    def login(self, client: LoginClient, mechanism: str, mode: str) -> None:
        """All messages are there, and the server says that it was this mechanism."""
        own = client.user_for(mechanism)
        user = self.server.anonymous if mechanism == "ANONYMOUS" else own
        mark = self.server.log.stat().st_size
        try:
            count = client.login(self.server, self.credentials(own), mechanism, mode, self.directory())
        except Refused as refused:
            raise Failed(f"refused: {refused}") from refused
        expect(f"{count} messages, not {MESSAGES}", count == MESSAGES)
        wanted = "USER" if mechanism == "UTF8" else mechanism
        found = wait_for(lambda: self.server.mechanisms_used(user, mark))
        expect(f"the server's log names {found}", wanted in found)

    def refused(self, client: LoginClient, mechanism: str, mode: str) -> None:
        """A wrong password, a wrong token, or another's certificate: the client says that it was refused."""
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
    strongest: str

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

    def run(self, mechanism: str, who: Credentials, mode: str, codes: tuple[int, ...]) -> list[bytes]:
        options = ["--auth", mechanism.lower()]
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
        # Cyrus lets the anonymous user in, but lets nobody make a mailbox of that name.
        no_mailbox = mechanism == "ANONYMOUS" and self.peer.name == "cyrus"
        got = self.run(mechanism, who, mode, (1, 3, 5) if no_mailbox else (0,))
        expect(f"{len(got)} messages, not {MESSAGES}", len(got) == (0 if no_mailbox else MESSAGES))
        found = wait_for(lambda: self.peer.mechanisms_used(user, mark))
        expect(f"the server's log names {found}, not {wanted}", wanted in found)

    def refused(self, mechanism: str) -> None:
        who = self.credentials(USER)
        if mechanism == "EXTERNAL":
            stranger = self.credentials("stranger")
            who = replace(who, cert=stranger.cert, key=stranger.key)
        who = replace(who, password="wrong", token="wrong")
        expect("something was fetched", not self.run(mechanism, who, "tls", (4,)))


def wait_for(look: Callable[[], list[str]]) -> list[str]:
    """What a server writes to its log after a session's end."""
    deadline = time.monotonic() + 5
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found
