"""What every attack of the battery is made of: its description, its result, and its bounds."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arena import Arena

# How long anything may take. A right server needs a small part of it even on a very busy machine, and a wrong one is
# found out all the same, only later.
PATIENCE = float(os.environ.get("ATTACK_PATIENCE", 300))
MIB = 1 << 20


class Failed(Exception):
    """The server does not keep a promise."""


class Skipped(Exception):
    """The attack cannot be tried here. The text says why."""


@dataclass(frozen=True)
class Bounds:
    """How much an attack may cost the server, beyond what it had before.

    `memory` is in MiB, and `each` is what a connection may add, in KiB. `left` is in MiB, and what may remain afterwards,
    with a quarter of `each`. `threads` is a number. `hashes` says whether a password hash for each processor comes on top.
    """

    memory: int
    each: int
    left: int
    threads: int
    hashes: bool

    def most(self, connections: int) -> int:
        """The memory during the attack, in octets."""
        return self.memory * MIB + self.each * connections * 1024 + self.hashing()

    def after(self, connections: int) -> int:
        """The memory after the attack, in octets."""
        return self.left * MIB + self.each * connections * 1024 // 4 + self.hashing()

    def hashing(self) -> int:
        """What the threads that compute hashes keep: 19 MiB for each."""
        return 19 * MIB * (os.cpu_count() or 1) if self.hashes else 0


@dataclass(frozen=True)
class Attack:
    """One attack: who, what is tried, and what must hold. Its name says what holds."""

    attacker: str
    tried: str
    promise: str
    # What it needs: `users` (an account for the attacker, too), `tls`, or `ours` (a server that the battery starts).
    needs: tuple[str, ...]
    function: Callable[[Arena], str]

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def group(self) -> str:
        return self.function.__module__


ATTACKS: list[Attack] = []


def attack(attacker: str, tried: str, promise: str, *needs: str) -> Callable[[Callable[[Arena], str]], Callable[[Arena], str]]:
    """Adds the function to the battery. It returns what it has measured, and fails with `Failed`."""

    def add(function: Callable[[Arena], str]) -> Callable[[Arena], str]:
        ATTACKS.append(Attack(attacker, tried, promise, needs, function))
        return function

    return add


def bounds(name: str) -> Bounds | None:
    """The bounds of an attack. Those that kill the server have none."""
    lines = (Path(__file__).parent / "bounds.txt").read_text().splitlines()
    cells = [[cell.strip() for cell in line.split("|")] for line in lines if not line.startswith("#")]
    rows = {row[0]: row[1:] for row in cells}
    row = rows.get(name, rows["*"])
    return None if row == ["-"] else Bounds(*(int(cell) for cell in row[:4]), row[4] == "hashes")


def must(holds: object, otherwise: str) -> None:
    """Fails with this text unless it holds."""
    if not holds:
        raise Failed(otherwise)
