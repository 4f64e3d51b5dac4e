"""The two Maildirs of a user, one for each server, which must always have the same contents."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

import corpus
from dialogue import REPLY_SECONDS
from mail import Mail

Result = TypeVar("Result")


class Server(Protocol):
    """A server, with its Maildirs and its log."""

    plain: int
    tls: int
    log: Path

    def maildir(self, user: str) -> Path: ...


class Twins:
    """The Maildirs of one user. The first server's belongs to the owner."""

    def __init__(self, servers: tuple[Server, Server], user: str, owner: tuple[int, int]) -> None:
        self._homes = [(server.maildir(user), owner if index == 0 else None) for index, server in enumerate(servers)]
        self._delivered = 0
        for home, of in self._homes:
            shutil.rmtree(home, ignore_errors=True)
            corpus.write_maildir(home, [], of)

    def deliver(self, mail: Mail) -> None:
        """Adds the message to both, as the newest one."""
        number = 1_700_000_000 + self._delivered
        self._delivered += 1
        name = f"{number}.M{self._delivered:06}P1.interop{mail.sizes}"
        for home, of in self._homes:
            part = home / "tmp" / name
            part.write_bytes(mail.octets)
            os.utime(part, (number, number))
            if of:
                os.chown(part, *of)
            part.rename(home / "new" / name if mail.flags is None else home / "cur" / f"{name}:2,{mail.flags}")

    def litter(self) -> None:
        """Adds what is no message: files whose names begin with a dot, and an unfinished delivery."""
        for home, of in self._homes:
            for name in ("cur/.nfs0001", "new/.hidden", "tmp/1600000000.M1P1.interop"):
                (home / name).write_bytes(b"Subject: no message\n\n")
                if of:
                    os.chown(home / name, *of)

    def remove(self, name: str) -> None:
        """Removes the message with this base name from both."""
        self._change(name, lambda path: path.unlink())

    def rename(self, name: str) -> None:
        """Gives the message other flags in both, as another program does."""
        self._change(name, lambda path: path.rename(path.parent.parent / "cur" / f"{name}:2,FS"))

    def _change(self, name: str, change: Callable[[Path], object]) -> None:
        for index in range(2):
            # A server may move the file at the same time.
            _patiently(lambda index=index: [change(path) for path in self._files(index) if _base(path) == name])

    def contents(self) -> dict[str, bytes]:
        """The base names and contents of our copy, in the order of the message numbers."""
        return _patiently(lambda: dict(sorted((_base(path), path.read_bytes()) for path in self._files(1))))

    def hashes(self) -> list[dict[str, str]]:
        """For each copy, the base names of its messages, and hashes of their contents."""
        return _patiently(lambda: [
            {_base(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in self._files(index)} for index in range(2)
        ])

    def _files(self, index: int) -> list[Path]:
        home = self._homes[index][0]
        entries = [entry for sub in ("new", "cur") for entry in os.scandir(home / sub)]
        return [Path(entry.path) for entry in entries if not entry.name.startswith(".")]


def _base(path: Path) -> str:
    return path.name.partition(":")[0]


def _patiently(attempt: Callable[[], Result]) -> Result:
    """Tries again if a file has been moved or removed meanwhile."""
    for _ in range(100):
        try:
            return attempt()
        except FileNotFoundError:
            continue
    return attempt()


class Ends:
    """The ends of sessions, as a server logs them from now on. `pattern` finds the user's name."""

    def __init__(self, log: Path, pattern: bytes) -> None:
        self._path = log
        self._pattern = re.compile(pattern)
        self._log = log.open("rb")
        self._log.seek(0, os.SEEK_END)
        self._rest = b""
        self._seen: Counter[str] = Counter()
        self._expected: Counter[str] = Counter()
        self._lock = threading.Lock()

    def wait(self, user: str) -> None:
        """Waits for the end of one more session of the user."""
        self._expected[user] += 1
        deadline = time.monotonic() + REPLY_SECONDS
        while self._count(user) < self._expected[user]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self._path} does not show that the session of {user} has ended")
            time.sleep(0.01)

    def _count(self, user: str) -> int:
        with self._lock:
            text = self._rest + self._log.read()
            whole, end, self._rest = text.rpartition(b"\n")
            for found in self._pattern.finditer(whole + end):
                self._seen[found[1].decode()] += 1
            return self._seen[user]
