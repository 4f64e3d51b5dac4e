"""The maildrops of `toy`, and the faults that it may have."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import queue
import re
import sys
import time
from pathlib import Path

WEAK = set(filter(None, os.environ.get("TOY", "").split(",")))
LEAKED: list[object] = []
# Longer than the battery attacks.
NEVER = 86400


def log(text: str) -> None:
    if "json" in sys.argv:
        os.write(2, json.dumps({"timestamp": time.time(), "level": "INFO", "message": text}).encode() + b"\n")
        return
    os.write(2, f"{time.strftime('%Y-%m-%dT%H:%M:%S')}.000000Z  INFO {text}\n".encode(errors="surrogateescape"))


def quoted(octets: bytes) -> str:
    if "forged-log" in WEAK:
        return octets.decode("latin-1")
    return '"' + "".join(chr(one) if 32 <= one < 127 and one not in b'"\\' else f"\\x{one:02x}" for one in octets) + '"'


class End(Exception):
    """The session is over."""


class Connection:
    """A session with a maildrop. `toy_session` has the rest of it."""

    maildrops = Path()
    maildrop: int | None = None
    maildir = Path()
    messages: list[Path]
    sizes: list[int]
    marked: set[int]
    out: queue.Queue[bytes] | None = None

    def send(self, octets: bytes) -> None:
        raise NotImplementedError

    def say(self, line: bytes) -> None:
        self.send(line + b"\r\n")

    def wrong(self) -> None:
        raise NotImplementedError

    def open_maildrop(self, name: str) -> bool:
        maildir = self.maildrops / name
        if "locks-by-file" in WEAK:
            try:
                (maildir / "locked").touch(exist_ok=False)
            except FileExistsError:
                return False
        lock = os.open(maildir, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self.maildir, self.maildrop = maildir, lock
        found = [path for sub in ("new", "cur") for path in (maildir / sub).iterdir()
                 if path.is_file() and ("follows-links" in WEAK or not path.is_symlink())]
        self.messages = sorted(found, key=lambda path: (int(path.name.split(".")[0]) if path.name.split(".")[0].isdigit() else 0, path.name))
        # The sizes of files of 3 MB and more are those on the disk; the others are read.
        self.sizes = [path.stat().st_size for path in self.messages]
        return True

    def number(self, rest: bytes) -> int | None:
        word = rest.split()[0] if rest.split() else b""
        if "lenient-numbers" in WEAK:
            word = re.sub(rb"[^0-9]", b"", word)[:1]
        number = int(word) if word.isdigit() and len(word) < 10 else 0
        if 1 <= number <= len(self.messages) and number not in self.marked and (len(rest.split()) == 1 or "lenient-numbers" in WEAK):
            return number
        return None

    def there(self) -> list[int]:
        return [number for number in range(1, len(self.messages) + 1) if number not in self.marked]

    def do_stat(self, _: bytes) -> None:
        self.say(b"+OK %d %d" % (len(self.there()), sum(self.sizes[number - 1] for number in self.there())))

    def listed(self, rest: bytes, each: list[bytes]) -> None:
        if rest:
            number = self.number(rest)
            return self.say(b"+OK %d %s" % (number, each[number - 1])) if number else self.wrong()
        return self.send(b"+OK\r\n" + b"".join(b"%d %s\r\n" % (number, each[number - 1]) for number in self.there()) + b".\r\n")

    def do_list(self, rest: bytes) -> None:
        self.listed(rest, [b"%d" % size for size in self.sizes])

    def do_uidl(self, rest: bytes) -> None:
        salt = f"{os.getpid()}" if "changes-uids" in WEAK else ""
        self.listed(rest, [hashlib.sha256((salt + path.name).encode(errors="surrogateescape")).hexdigest()[:40].encode() for path in self.messages])

    def do_top(self, rest: bytes) -> None:
        first, _, lines = rest.partition(b" ")
        if lines.isdigit():
            self.do_retr(first)
        else:
            self.wrong()

    def do_retr(self, rest: bytes) -> None:
        number = self.number(rest)
        if not number:
            return self.wrong()
        links = 0 if "follows-links" in WEAK else os.O_NOFOLLOW
        try:
            file = os.fdopen(os.open(self.messages[number - 1], os.O_RDONLY | links | (0 if "blocks" in WEAK else os.O_NONBLOCK)), "rb")
            with file:
                size = os.fstat(file.fileno()).st_size
                if size != self.sizes[number - 1] and not WEAK & {"follows-links", "short-bodies"}:
                    return self.say(b"-ERR it has changed")
                self.say(b"+OK")
                if "reads-whole" in WEAK:
                    whole = file.read()
                    # More than a message, so that it shows with few sessions.
                    self.whole = whole * 3
                    self.send(re.sub(rb"(?m)^\.", b"..", whole).replace(b"\n", b"\r\n"))
                    return self.say(b".")
                left, begin = size, True
                while piece := file.readline(65536):
                    left -= len(piece)
                    if left < 0 and "short-bodies" not in WEAK:
                        raise End
                    self.send((b"." if begin and piece.startswith(b".") else b"") + piece.replace(b"\n", b"\r\n"))
                    begin = piece.endswith(b"\n")
                    if "reads-on" in WEAK and self.out and self.out.qsize() > 100_000:
                        break
        except (OSError, ValueError):
            return self.say(b"-ERR no such file")
        if left and "short-bodies" not in WEAK and "follows-links" not in WEAK:
            raise End
        if not begin:
            self.say(b"")
        return self.say(b".")

    def do_dele(self, rest: bytes) -> None:
        number = self.number(rest)
        if not number:
            return self.wrong()
        self.marked.add(number)
        return self.say(b"+OK")

    def do_noop(self, _: bytes) -> None:
        self.say(b"+OK")

    def do_rset(self, _: bytes) -> None:
        self.marked.clear()
        self.say(b"+OK")

    def remove(self) -> None:
        for number in sorted(self.marked):
            try:
                self.messages[number - 1].unlink()
                if "removes-the-next" in WEAK and number < len(self.messages):
                    self.messages[number].unlink()
            except FileNotFoundError:
                pass

    def do_quit(self, _: bytes) -> None:
        lost = [number for number in self.marked if not self.messages[number - 1].exists()]
        if "answers-first" in WEAK and self.marked:
            self.say(b"+OK bye")
            time.sleep(NEVER)
        self.remove()
        self.say(b"-ERR not all were there" if lost else b"+OK bye")
        raise End
