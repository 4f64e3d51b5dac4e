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
WORKERS = 6


@dataclass
class AuthChecks:
    """Everything asked of one server's logins. Each client has a user of its own, so they run at the same time."""

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
        for user in {client.user for client in clients}:
            self.server.fill(user, corpus.small(MESSAGES))
        for client in clients:
            for number, mechanism in enumerate(client.mechanisms):
                if not self.shared(client, mechanism):
                    continue
                for mode in MODES:
                    by_user[client.user].append(lambda c=client, m=mechanism, mode=mode: self.check(
                        f"{c.name} logs in by {m}, {mode}", lambda: self.login(c, m, mode)))
                if mechanism != "ANONYMOUS":
                    by_user[client.user].append(lambda c=client, m=mechanism, mode=MODES[number % 2]: self.check(
                        f"{c.name} is refused by {m}, {mode}", lambda: self.refused(c, m, mode)))
        with ThreadPoolExecutor(WORKERS) as pool:
            for checks in by_user.values():
                pool.submit(lambda checks=checks: [check() for check in checks])

    def shared(self, client: LoginClient, mechanism: str) -> bool:
        if mechanism.endswith("-PLUS") and client.binding not in self.bindings:
            return False
        return mechanism in self.offered and (client.name, mechanism) not in self.apart

    def check(self, name: str, run: Callable[[], None]) -> None:
        self.report.check(f"{self.label}: {name}", run)

    def directory(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.work))

    def login(self, client: LoginClient, mechanism: str, mode: str) -> None:
        """All messages are there, and the server says that it was this mechanism."""
        user = self.server.anonymous if mechanism == "ANONYMOUS" else client.user
        mark = self.server.log.stat().st_size
        try:
            count = client.login(self.server, self.credentials(client.user), mechanism, mode, self.directory())
        except Refused as refused:
            raise Failed(f"refused: {refused}") from refused
        expect(f"{count} messages, not {MESSAGES}", count == MESSAGES)
        wanted = "USER" if mechanism == "UTF8" else mechanism
        deadline = time.monotonic() + 5
        while wanted not in (found := self.server.mechanisms_used(user, mark)):
            expect(f"the server's log names {found}", time.monotonic() < deadline)
            time.sleep(0.02)

    def refused(self, client: LoginClient, mechanism: str, mode: str) -> None:
        """A wrong password, a wrong token, or another's certificate: the client says that it was refused."""
        who = self.credentials(client.user)
        if mechanism == "EXTERNAL":
            stranger = self.credentials("stranger")
            who = replace(who, cert=stranger.cert, key=stranger.key)
        elif mechanism in TOKENS:
            who = replace(who, token="wrong-" + who.token)
        else:
            who = replace(who, password="wrong" + who.password)
        mark = self.server.log.stat().st_size
        try:
            count = client.login(self.relays.door(self.server), who, mechanism, mode, self.directory())
        except Refused as refused:
            self.server.check_refusal(str(refused))
        else:
            raise Failed(f"let in, with {count} messages")
        expect("the server's log has a login", not self.server.mechanisms_used(client.user, mark))
