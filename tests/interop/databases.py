"""Maildrops in databases: `pop3 serve --store`."""

from __future__ import annotations

import itertools
import poplib
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import corpus
from clients import Failed, secret_file
from net import HOST, START_SECONDS, Processes
from ours import Serve, started
from postgres import Postgres
from serve import serve_options

# The databases that the program can use.
KINDS = ("sqlite", "postgres")


class Databases:
    """New databases of one kind, as many as there are servers."""

    def __init__(self, kind: str, processes: Processes, work: Path) -> None:
        self.kind, self.home = kind, work / f"databases-{kind}"
        self._numbers = itertools.count()
        self._server = None
        if kind == "postgres":
            self._server = Postgres(processes, self.home)
            self._server.start()
        else:
            self.home.mkdir()

    def url(self) -> str:
        """A database that nobody else uses."""
        name = f"pop3_{next(self._numbers)}"
        if self._server is None:
            return f"sqlite:{self.home / name}.db"
        self._server.query(f"CREATE DATABASE {name}")
        return self._server.url(name)


@dataclass
class ServeStore(Serve):
    """A running `pop3 serve` with a database."""

    program: Path = Path()
    url: str = ""
    passwords: dict[str, str] = field(default_factory=dict)
    fills: itertools.count[int] = field(default_factory=itertools.count)

    def fill(self, user: str, messages: list[corpus.Message]) -> None:
        session = self._session(user)
        for number in range(1, session.stat()[0] + 1):
            session.dele(number)
        session.quit()
        home = Path(tempfile.mkdtemp(prefix="import-", dir=self.maildrops))
        corpus.write_maildir(home / user, messages)
        # A unique-id that was there before is not imported again.
        number = next(self.fills)
        for part in ("new", "cur"):
            for path in (home / user / part).iterdir():
                path.rename(path.with_name(path.name.replace(".interop", f".interop{number}")))
        pop3(self.program, "store", "import", "--store", self.url, "--from", str(home), user)
        shutil.rmtree(home)

    def stored(self, user: str) -> int:
        session = self._session(user)
        count = session.stat()[0]
        session.quit()
        return count

    def _session(self, user: str) -> poplib.POP3:
        """A session of the user, as soon as the last one has ended."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            session = poplib.POP3(HOST, self.plain, timeout=60)
            session.user(user)
            try:
                session.pass_(self.passwords[user])
            except poplib.error_proto as refused:
                session.close()
                if time.monotonic() > deadline or b"[IN-USE]" not in refused.args[0]:
                    raise
                time.sleep(0.05)
                continue
            return session


def pop3(program: Path, *words: str, text: str = "") -> None:
    """Runs a command that has to succeed."""
    done = subprocess.run([str(program), *words], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"pop3 {' '.join(words[:2])} ended with {done.returncode}: {done.stderr}")


# Cheap to check: passwords are not what is tested.
FORMS = ("--form", "scram-sha-1,scram-sha-256,scram-sha-512", "--iterations", "4096")


def serve_store(processes: Processes, program: Path, work: Path, databases: Databases, users: dict[str, str], cert: Path,
                key: Path, *options: str) -> ServeStore:
    """Starts the server with a new database that has these users, and waits for its line `ready`. For APOP, which needs
    passwords in clear text, the passwords are in a users file."""
    home = Path(tempfile.mkdtemp(prefix=f"serve-{databases.kind}-", dir=work))
    url = databases.url()
    pop3(program, "store", "init", "--store", url)
    for user, password in users.items():
        pop3(program, "user", "add", "--store", url, *FORMS, user, text=password + "\n")
    log = home / "log"
    # The URL has a password, so it does not stand on the command line.
    settings = f'store = "{url}"\n'
    if "--apop" in options:
        secret_file(home / "users", "".join(f"{user}:{{PLAIN}}{password}\n" for user, password in users.items()))
        settings += 'users = "users"\n'
    config = secret_file(home / "pop3.toml", settings)
    command = [str(program), "serve", "--allow-root", "--config", str(config), *serve_options("tokio", cert, key), "--hostname", "localhost", *options]
    return started(ServeStore, databases.kind, processes, command, home, log, program=program, url=url, passwords=users)
