"""What a process takes, as /proc shows it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from basics import MIB, PATIENCE, Bounds, must

# What a thread takes: its stack is memory, too.
STACK = 96 * 1024
# How often a process has to be found at rest until it counts as waiting, a tenth of a second apart, and how many seconds of
# silence count as much if nobody can look at the process.
LOOKS, ALONE = 10, 10.0


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


def resting(pid: int) -> bool:
    """Whether all threads of the process wait for something. A thread that works, or would if there were a processor, does not."""
    try:
        return all(Path(f"/proc/{pid}/task/{thread}/stat").read_text().rpartition(")")[2].split()[0] not in "RD" for thread in os.listdir(f"/proc/{pid}/task"))
    except OSError:
        # The process has ended, or a thread.
        return not Path(f"/proc/{pid}").exists()


def given_up(ready: Callable[[float], object], *processes: int | None) -> bool:
    """Waits until `ready` holds (False), or these processes do nothing that could lead to it (True).

    `ready` waits up to so many seconds. A slow machine makes this take longer, and changes no result: what counts is not the
    time, but how often the processes were found at rest.
    """
    known = [one for one in processes if one]
    looks, begun = 0, time.monotonic()
    while not ready(0.1):
        looks += len(known) == len(processes) and all(resting(one) for one in known)
        waited = time.monotonic() - begun
        if looks >= LOOKS or waited > PATIENCE or (len(known) < len(processes) and waited > ALONE):
            return True
    return False


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

    def until(self, enough: Callable[[Figures], bool], seconds: float) -> Figures | None:
        """Waits until the process has little enough, or the time is over. Returns what it has then."""
        end = time.monotonic() + seconds
        while True:
            now = figures(self.pid)
            if now is None or time.monotonic() > end or enough(now):
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
    # A pool of threads keeps some for its next work. The threads of connections end some seconds later.
    kept = (4 if patient else opened) if per_connection else bounds.threads

    def left(now: Figures) -> int:
        return bounds.after(opened) + STACK * max(0, now.threads - before.threads)

    def enough(now: Figures) -> bool:
        return (now.descriptors <= before.descriptors and now.threads - before.threads <= kept
                and now.memory - before.memory <= left(now))

    # What is too much stays too much, and there is nothing to wait for.
    if ours:
        judge_peak(watch, bounds, opened, per_connection)
    after = watch.until(enough, PATIENCE)
    must(after is not None, "the server has died")
    assert after is not None
    if ours:
        judge_peak(watch, bounds, opened, per_connection)
    cost = f"most: {watch.peak.above(before)}; after: {after.above(before)}"
    must(after.descriptors <= before.descriptors, f"descriptors are still open; {cost}")
    must(after.threads - before.threads <= kept, f"threads still run; {cost}")
    must(after.memory - before.memory <= left(after), f"more than {left(after) // MIB} MiB are still in use; {cost}")
    return cost


def judge_peak(watch: Watch, bounds: Bounds, opened: int, per_connection: bool) -> None:
    """Fails if the process has ever had more than the bounds."""
    watch.sample()
    before, peak = watch.before, watch.peak
    had = peak.above(before)
    most = bounds.most(opened) + (STACK * opened if per_connection else 0)
    must(peak.memory - before.memory <= most, f"more memory than {most // MIB} MiB; most: {had}")
    # A session takes three, and one more for a long message.
    must(peak.descriptors - before.descriptors <= 4 * opened + 16, f"more descriptors than for {opened} connections; most: {had}")
    threads = bounds.threads + (opened if per_connection else 0)
    must(peak.threads - before.threads <= threads, f"more threads than {threads}; most: {had}")
