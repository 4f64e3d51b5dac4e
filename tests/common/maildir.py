"""Maildirs."""

from __future__ import annotations

import os
from pathlib import Path


def make_maildir(directory: Path, owner: tuple[int, int] | None = None) -> None:
    """Creates an empty Maildir, or what is missing of it, and gives it to the owner."""
    for sub in ("", "cur", "new", "tmp"):
        (directory / sub).mkdir(parents=True, exist_ok=True, mode=0o700)
        if owner:
            os.chown(directory / sub, *owner)
