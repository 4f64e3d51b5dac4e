"""What tests with sockets and processes need: free ports, waiting for a listener, processes that end with the run."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

HOST = "127.0.0.1"
# Far more than anything takes to start, also on a very busy machine.
START_SECONDS = 300


def free_ports(count: int) -> list[int]:
    """Free ports of 127.0.0.1. All of them are reserved at once, so that they differ.

    They are below the range from which the system serves port 0. Otherwise a test that runs at the same time could get
    one of them before its server does.
    """
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            _bind_somewhere(one)
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _bind_somewhere(one: socket.socket) -> None:
    for _ in range(1000):
        try:
            one.bind((HOST, random.randrange(10_000, 32_000)))
            return
        except OSError:
            continue
    raise RuntimeError("no port is free")


def wait_for_ports(ports: Iterable[int], process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until the ports accept connections. If one does not, prints the log."""
    for port in ports:
        _wait_for(port, process, log)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port}:\n{log.read_text(errors='replace')[-4000:]}")


class Processes:
    """The processes started by the run, each with a process group of its own; `stop` ends them all."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, command: list[str], log: Path, **options: object) -> subprocess.Popen[bytes]:
        # setpriv: the peers end with this program, even if it is killed.
        with log.open("ab") as out:
            options.setdefault("stdout", out)
            process = subprocess.Popen(  # type: ignore[call-overload]
                ["setpriv", "--pdeathsig", "TERM", *command], stdin=subprocess.DEVNULL, stderr=out, start_new_session=True, **options
            )
        self._running.append(process)
        return process

    def stop(self) -> None:
        for process in reversed(self._running):
            end_group(process)
        self._running.clear()


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Sends SIGTERM to the process group, and SIGKILL to what remains of it."""
    for sign, seconds in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
