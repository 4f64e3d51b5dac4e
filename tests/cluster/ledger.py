"""What was acknowledged: to those who delivered mail, and to the clients of each session. All times are of one clock."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from letters import Letter

now = time.monotonic
NEVER = float("inf")


@dataclass
class Delivery:
    """A message that was handed over. All attempts have the same key."""

    letter: Letter
    begun: float
    # When the first attempt ended with 0. Before that, or if none did, it may be stored or not.
    accepted: float = NEVER
    attempts: int = 0
    # Over LMTP, lines end in CRLF, and there is no key: it is not tried again.
    over_lmtp: bool = False

    @property
    def stored(self) -> str:
        """The digest of what is to be stored."""
        return self.letter.sent if self.over_lmtp else self.letter.stored


@dataclass
class Session:
    """One login that succeeded, and what came of it."""

    user: str
    where: str
    # The maildrop was opened between these: PASS is sent, +OK is read.
    asked: float
    opened: float
    # The size of each message, by unique-id, if UIDL and LIST were answered.
    listed: dict[str, int] | None = None
    # The number of each message that was fetched whole.
    fetched: dict[str, int] = field(default_factory=dict)
    marked: set[str] = field(default_factory=set)
    # When QUIT was sent, and its reply read.
    quit_sent: float = NEVER
    answered: float = NEVER
    # "committed": +OK. "refused": -ERR. "unknown": QUIT was sent, and no reply came. "cut": no QUIT was sent.
    end: str = "cut"
    reply: str = ""


class Ledger:
    """The whole run."""

    def __init__(self, seed: int, first: int = 1) -> None:
        self.seed = seed
        # The number of the next message.
        self.next = first
        self.begun = now()
        self.deliveries: dict[int, Delivery] = {}
        self.sessions: list[Session] = []
        # The octets of each message that was fetched, by user and unique-id.
        self.sizes: dict[tuple[str, str], int] = {}
        # What is wrong already when it is seen.
        self.faults: list[str] = []
        self.counts: Counter[str] = Counter()
        # What was done to the cluster, and when.
        self.events: list[tuple[float, str]] = []

    def since(self, when: float) -> str:
        return f"{when - self.begun:.3f}"

    def fault(self, text: str) -> None:
        self.faults.append(f"{text} (at {self.since(now())} s)")

    def event(self, text: str) -> None:
        self.events.append((now(), text))
        self.counts[text.split(":")[0]] += 1

    def write(self, path: Path) -> None:
        """Everything, one JSON object in each line, for who looks for a cause."""
        with path.open("w") as out:
            for when, text in self.events:
                print(json.dumps({"event": text, "at": self.since(when)}), file=out)
            for delivery in self.deliveries.values():
                letter = delivery.letter
                print(json.dumps({"delivery": letter.number, "user": letter.user, "begun": self.since(delivery.begun),
                                  "accepted": self.since(delivery.accepted), "attempts": delivery.attempts}), file=out)
            for session in self.sessions:
                row = asdict(session) | {"marked": sorted(session.marked)}
                row |= {name: self.since(row[name]) for name in ("asked", "opened", "quit_sent", "answered")}
                print(json.dumps(row), file=out)
