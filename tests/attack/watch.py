"""What a process takes, as /proc shows it."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from basics import MIB, PATIENCE, Bounds, must

# What a thread takes: its stack is memory, too.
STACK = 96 * 1024


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


def judged(watch: Watch, bounds: Bounds, opened: int, per_connection: bool, ours: bool, patient: bool) -> str:
    """Fails if an attack has cost the process more than the bounds, or it has not given it back.

    There were so many connections. Of a server that is not ours, only what is left is judged. If patient,
    waits until the threads of connections have ended.
    """
    before = watch.before
    threads = bounds.threads + (opened if per_connection else 0)
    # A pool of threads keeps some for its next work. The threads of connections end some seconds later.
    kept = (4 if patient else opened) if per_connection else bounds.threads
    after = watch.until(before.descriptors, before.threads + kept, PATIENCE)
    must(after is not None, "the server has died")
    assert after is not None
    watch.sample()
    peak = watch.peak
    cost = f"most: {peak.above(before)}; after: {after.above(before)}"
    if ours:
        most = bounds.most(opened) + (STACK * opened if per_connection else 0)
        must(peak.memory - before.memory <= most, f"more memory than {most // MIB} MiB; {cost}")
        # A session takes three, and one more for a long message.
        must(peak.descriptors - before.descriptors <= 4 * opened + 16, f"more descriptors than for {opened} connections; {cost}")
        must(peak.threads - before.threads <= threads, f"more threads than {threads}; {cost}")
    must(after.descriptors <= before.descriptors, f"descriptors are still open; {cost}")
    must(after.threads - before.threads <= kept, f"threads still run; {cost}")
    left = bounds.after(opened) + STACK * max(0, after.threads - before.threads)
    must(after.memory - before.memory <= left, f"more than {left // MIB} MiB are still in use; {cost}")
    return cost
