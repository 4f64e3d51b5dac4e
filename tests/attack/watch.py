"""What a process takes, as /proc shows it."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from basics import MIB


@dataclass(frozen=True)
class Figures:
    """Memory that no file backs, in octets, open descriptors, and threads."""

    memory: int
    descriptors: int
    threads: int

    def above(self, other: Figures) -> str:
        return (f"memory {(self.memory - other.memory) / MIB:+.1f} MiB, "
                f"descriptors {self.descriptors - other.descriptors:+d}, threads {self.threads - other.threads:+d}")


def figures(pid: int) -> Figures | None:
    """None if there is no such process."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return Figures(1024 * int(fields["RssAnon"].split()[0]), len(os.listdir(f"/proc/{pid}/fd")), int(fields["Threads"]))
    except (OSError, KeyError):
        # A process that has just ended has no RssAnon.
        return None


class Watch:
    """Samples a process ten times a second, from now on, and keeps the maximum of each figure."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        first = figures(pid)
        if first is None:
            raise RuntimeError(f"no process {pid}")
        self.before = self.peak = first
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._end.wait(0.1):
            self.sample()

    def sample(self) -> None:
        now = figures(self.pid)
        if now:
            peak = self.peak
            self.peak = Figures(max(now.memory, peak.memory), max(now.descriptors, peak.descriptors), max(now.threads, peak.threads))

    def until(self, descriptors: int, threads: int, seconds: float) -> Figures | None:
        """Waits until the process has no more than these, or the time is over. Returns what it has then."""
        end = time.monotonic() + seconds
        while True:
            now = figures(self.pid)
            if now is None or time.monotonic() > end or (now.descriptors <= descriptors and now.threads <= threads):
                return now
            time.sleep(0.05)

    def stop(self) -> None:
        self._end.set()
        self._thread.join()
