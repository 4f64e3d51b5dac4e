"""`pop3 serve` as a process."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from pathlib import Path

from net import HOST

RUNTIMES = ("tokio", "async-std", "smol", "std")


def serve_command(program: Path, runtime: str, maildrops: Path, users: Path, cert: Path, key: Path, *options: str, port: int = 0) -> list[str]:
    """The command that serves the maildrops, in clear text and over TLS. Without a port, the system chooses both."""
    return [str(program), "serve", "--allow-root", "--maildrops", str(maildrops), "--users", str(users), *serve_options(runtime, cert, key, port), *options]


def serve_options(runtime: str, cert: Path, key: Path, port: int = 0) -> list[str]:
    """The options for listeners in clear text and over TLS. Without a port, the system chooses both."""
    return ["--listen", f"{HOST}:{port}", "--listen-tls", f"{HOST}:0", "--tls-cert", str(cert), "--tls-key", str(key), "--runtime", runtime]


def listening(process: subprocess.Popen[bytes], log: Path, seconds: float) -> dict[str, int]:
    """The ports that the process names, by service, as soon as it is ready. Raises RuntimeError if it does not become so."""
    stdout = process.stdout
    assert stdout is not None
    text, ports, end = b"", {}, time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        while b"ready\n" not in text:
            left = end - time.monotonic()
            got = os.read(stdout.fileno(), 4096) if left > 0 and selector.select(left) else b""
            if not got:
                raise RuntimeError(f"the server does not start: {text!r} {log.read_text(errors='replace')[-2000:]}")
            text += got
    stdout.close()
    for line in text.decode().splitlines():
        words = line.split()
        if len(words) == 3 and words[0] == "listening":
            ports.setdefault(words[1], int(words[2].rpartition(":")[2]))
    return ports
