"""Where the maildrops are. The test is about PostgreSQL; a file of SQLite and Maildirs, which nodes on one machine can share, show whether the test itself is right."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import time
from pathlib import Path

from judge import Stored
from letters import digest, number_of
from lmtp import without_added
from maildir import make_maildir
from net import HOST, Processes
from postgres import Postgres

PASSWORD = "secret"


class Program:
    """The program under test, run for the store."""

    def __init__(self, path: Path, work: Path) -> None:
        self.path, self.work = path, work

    def run(self, *words: str, octets: bytes = b"") -> None:
        """Runs a command that has to succeed."""
        done = subprocess.run([str(self.path), *words], input=octets, capture_output=True, check=False, cwd=self.work)
        if done.returncode != 0:
            raise RuntimeError(f"pop3 {' '.join(words)}: exit code {done.returncode}\n{(done.stdout + done.stderr).decode(errors='replace')}")


class SqlStore:
    """What both databases have in common."""

    name = "sql"
    program: Program

    def url(self, port: int | None = None) -> str:
        raise NotImplementedError

    def options(self, port: int | None) -> list[str]:
        return ["--store", self.url(port)]

    def make(self, users: list[str]) -> None:
        self.program.run("store", "init", *self.options(None))
        self.add(users)

    def add(self, users: list[str]) -> None:
        for user in users:
            # Keys that are cheap to check: passwords are not what is tested.
            self.program.run("user", "add", *self.options(None), "--form", "scram-sha-256", "--iterations", "4096", user, octets=f"{PASSWORD}\n".encode())

    def deliver(self, user: str, key: str, port: int | None) -> list[str]:
        return [str(self.program.path), "deliver", *self.options(port), "--id", key, user]

    def rows(self, sql: str) -> list[list[str]]:
        """What the database answers, without the program."""
        raise NotImplementedError

    def locked(self) -> list[str]:
        """The users whose maildrop is locked."""
        return [row[0] for row in self.rows("SELECT user_name FROM pop3_maildrops WHERE lock_node IS NOT NULL ORDER BY user_name")]

    def check(self) -> None:
        """The program finds no inconsistency itself."""
        self.program.run("store", "check", *self.options(None))


class PostgresStore(SqlStore):
    """Maildrops in PostgreSQL."""

    name = "postgres"

    def __init__(self, program: Program, processes: Processes, work: Path) -> None:
        self.program = program
        # As many connections as the nodes can open, and no time lost with checkpoints.
        self.server = Postgres(processes, work / "postgres", "max_connections=200", "fsync=on", "max_wal_size=4GB")
        self.server.start()

    def url(self, port: int | None = None) -> str:
        return self.server.url(port=port)

    def ports(self) -> tuple[int, int]:
        """Where the database is: for statements, and for the connection by which a node shows that it lives."""
        return self.server.port, self.server.port

    def of_node(self, port: int | None) -> list[str]:
        """The options for that connection."""
        del port
        return []

    def rows(self, sql: str) -> list[list[str]]:
        return self.server.query(sql)

    def contents(self) -> list[Stored]:
        """Everything that is stored, read without the program."""
        # The message begins after what LMTP has added.
        rows = self.rows(r"""
            SELECT d.user_name, m.unique_id, encode(sha256(substring(coalesce(c.octets, '') FROM greatest(1, position('From: '::bytea IN c.octets)))), 'hex'),
                   substring(convert_from(substring(coalesce(c.octets, '') FROM 1 FOR 1000), 'LATIN1') FROM 'X-Ledger: (\d+)')
            FROM pop3_messages m JOIN pop3_maildrops d ON d.id = m.maildrop
            LEFT JOIN LATERAL (SELECT string_agg(data, ''::bytea ORDER BY seq) AS octets FROM pop3_chunks WHERE message = m.id) c ON true""")
        return [Stored(user, uid, int(number) if number else None, octets) for user, uid, octets, number in rows]


class SqliteStore(SqlStore):
    """Maildrops in a file, which the nodes share because they are on one machine."""

    name = "sqlite"

    def __init__(self, program: Program, work: Path) -> None:
        self.program, self.file = program, work / "pop3.sqlite"

    def url(self, port: int | None = None) -> str:
        del port
        return f"sqlite:{self.file}"

    def _select(self, sql: str) -> list[tuple[object, ...]]:
        with contextlib.closing(sqlite3.connect(self.file, timeout=60)) as database:
            return database.execute(sql).fetchall()

    def rows(self, sql: str) -> list[list[str]]:
        return [[str(column) for column in row] for row in self._select(sql)]

    def contents(self) -> list[Stored]:
        content: dict[object, bytes] = {}
        for message, data in self._select("SELECT message, data FROM pop3_chunks ORDER BY message, seq"):
            assert isinstance(data, bytes)
            content[message] = content.get(message, b"") + data
        rows = self._select("SELECT m.id, d.user_name, m.unique_id FROM pop3_messages m JOIN pop3_maildrops d ON d.id = m.maildrop")
        return [Stored(str(user), str(uid), number_of(content.get(message, b"")), digest(without_added(content.get(message, b"")))) for message, user, uid in rows]


class MaildirStore:
    """Maildirs that all nodes share. There is no database that could be disturbed."""

    name = "maildir"

    def __init__(self, program: Program, work: Path) -> None:
        self.program, self.mail, self.users = program, work / "mail", work / "users"

    def options(self, port: int | None) -> list[str]:
        del port
        return ["--maildrops", str(self.mail), "--users", str(self.users)]

    def make(self, users: list[str]) -> None:
        self.users.touch(mode=0o600)
        self.add(users)

    def add(self, users: list[str]) -> None:
        for user in users:
            make_maildir(self.mail / user)
            with self.users.open("a") as out:
                out.write(f"{user}:{{PLAIN}}{PASSWORD}\n")

    def deliver(self, user: str, key: str, port: int | None) -> list[str]:
        del port
        name = f"{int(time.time())}.{key}.{HOST}"
        place = self.mail / user
        return ["sh", "-c", 'cat >"$1/tmp/$2" && mv "$1/tmp/$2" "$1/new/$2"', "deliver", str(place), name]

    def locked(self) -> list[str]:
        return []

    def contents(self) -> list[Stored]:
        found = []
        for user in sorted(os.listdir(self.mail)):
            for path in [*(self.mail / user / "new").iterdir(), *(self.mail / user / "cur").iterdir()]:
                octets = path.read_bytes()
                found.append(Stored(user, None, number_of(octets), digest(octets)))
        return found

    def check(self) -> None:
        """Nothing to check."""


Store = PostgresStore | SqliteStore | MaildirStore
