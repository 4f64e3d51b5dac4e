"""What the programs of the interop tests need around their checks: the program, a directory, processes, and a last line."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from debian import Missing
from net import Processes

ROOT = Path(__file__).resolve().parent.parent.parent


class Counts(Protocol):
    """How many checks have passed, and how many have not."""

    passed: int
    failed: int


def program() -> Path:
    """The program under test."""
    return Path(os.environ.get("POP3") or ROOT / "target/release/pop3").resolve()


def no_program() -> str:
    """Why the program cannot be tested. Empty if it can."""
    return "" if os.access(program(), os.X_OK) else f"no program {program()}; cargo build --release -p pop3-cli --all-features, or set POP3"


def perform(name: str, report: Counts, checks: Callable[[Path, Processes], None]) -> int:
    """Runs the checks in a directory of their own, which other accounts can enter, and prints the result. Returns the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    processes = Processes()
    work = Path(tempfile.mkdtemp(prefix=f"pop3-{name}-"))
    work.chmod(0o755)
    try:
        checks(work, processes)
    except Missing as reason:
        print(f"FAIL  {name}: {reason}", flush=True)
        return 1
    finally:
        processes.stop()
        shutil.rmtree(work, ignore_errors=True)
    print(f"{name}: {report.passed} passed, {report.failed} failed", flush=True)
    return 1 if report.failed or not report.passed else 0
