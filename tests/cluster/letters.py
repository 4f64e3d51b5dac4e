"""Messages that can be recognised wherever they turn up, and compared octet by octet."""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass

from wire import wire

# What the store keeps in one row. Some messages have more.
CHUNK = 256 * 1024
MARK = re.compile(rb"^X-Ledger: (\d+)\r?$", re.MULTILINE)
LINES = [b"The quick brown fox jumps over the lazy dog.", b".", b"..", b".dot", b"", b"Gr\xc3\xbc\xc3\x9fe", b"From here", b"-ERR", b"x" * 990]


def digest(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


@dataclass(frozen=True)
class Letter:
    """What the ledger keeps of a message: not its octets, because there may be very many."""

    number: int
    user: str
    stored: str
    sent: str
    size: int

    @staticmethod
    def write(seed: int, number: int, user: str) -> tuple[Letter, bytes]:
        """The message with this number, the same each time, and its octets."""
        rng = random.Random(f"{seed}/{number}")
        octets = _octets(rng, number, user)
        sent = wire(octets)
        return Letter(number, user, digest(octets), digest(sent), len(sent)), octets


def _octets(rng: random.Random, number: int, user: str) -> bytes:
    end = rng.choice([b"\n", b"\r\n"])
    head = [b"From: <a@example.org>", b"To: <%s@example.org>" % user.encode(), b"Subject: number %d" % number, b"X-Ledger: %d" % number, b""]
    size = rng.choice([0, 200, 1000, 1000, 4000, 4000, 4000, 40_000])
    if rng.random() < 0.02:
        size = rng.choice([CHUNK - 200, CHUNK, 3 * CHUNK + 1, 5 * CHUNK])
    body, length = [], 0
    while length < size:
        line = rng.choice(LINES) if rng.random() < 0.4 else rng.randbytes(rng.choice([8, 36, 400])).hex().encode()
        body.append(line)
        length += len(line) + len(end)
    text = end.join([*head, *body])
    return text if rng.random() < 0.1 else text + end


def number_of(octets: bytes) -> int | None:
    """Which message this is."""
    found = MARK.search(octets[:1000])
    return int(found[1]) if found else None
