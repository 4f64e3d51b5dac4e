"""PostgreSQL as a process of the test: a data folder of its own, a free port, durable commits.

The programs are Debian's (`apt-get install postgresql`). PostgreSQL refuses to run as root, so root starts it as the user
`postgres`. No running service is used or touched.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path

from net import HOST, START_SECONDS, Processes, free_ports

PASSWORD = "postgres"
# The signals with which PostgreSQL ends: "fast" rolls back what is open, "immediate" recovers at the next start.
HOW = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "kill": signal.SIGKILL}


def programs() -> Path | None:
    """The directory of the newest version that is installed."""
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "postgres").exists() and path.parent.name.isdigit()]
    return max(found, key=lambda path: int(path.parent.name), default=None)


def absent() -> list[str]:
    """What a test with PostgreSQL needs and does not find."""
    return [] if programs() else ["PostgreSQL (apt-get install postgresql)"]


class Postgres:
    """A server. `home` must be below directories that every user may enter."""

    def __init__(self, processes: Processes, home: Path, *settings: str) -> None:
        found = programs()
        if not found:
            raise RuntimeError("there is no PostgreSQL: apt-get install postgresql")
        self.programs, self.home, self.log = found, home, home / "postgres.log"
        self.processes, self.process = processes, None
        self.settings = settings
        (self.port,) = free_ports(1)
        home.mkdir(parents=True)
        (home / "password").write_text(PASSWORD + "\n")
        self.user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        if os.getuid() == 0:
            for path in (home, home / "password"):
                shutil.chown(path, "postgres", "postgres")
        subprocess.run([*self._as_user(), str(found / "initdb"), "--pgdata", str(home / "data"), "--username", "postgres", "--encoding", "UTF8",
                        "--locale", "C.UTF-8", "--pwfile", str(home / "password"), "--auth-local", "trust", "--auth-host", "scram-sha-256"],
                       check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd=home)

    def _as_user(self) -> list[str]:
        return ["setpriv", "--reuid", self.user, "--regid", self.user, "--init-groups"] if os.getuid() == 0 else []

    def url(self, database: str = "postgres", port: int | None = None) -> str:
        """Where the database is, through this port of 127.0.0.1: the server's own, or a proxy's."""
        return f"postgres://postgres:{PASSWORD}@{HOST}:{port or self.port}/{database}"

    def start(self) -> None:
        """Starts the server and waits until it answers. After a kill, its old processes may still be ending."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            options = [word for setting in (f"port={self.port}", f"listen_addresses={HOST}", f"unix_socket_directories={self.home}", *self.settings)
                       for word in ("-c", setting)]
            # The inner setpriv sets the signal again, because a change of the user clears it.
            priv = [*self._as_user(), "--pdeathsig", "INT"] if self._as_user() else []
            process = self.processes.start([*priv, str(self.programs / "postgres"), "-D", str(self.home / "data"), *options], self.log, cwd=self.home)
            while process.poll() is None and time.monotonic() < deadline:
                if self.answers():
                    self.process = process
                    return
                time.sleep(0.02)
            if time.monotonic() >= deadline:
                raise RuntimeError(f"PostgreSQL does not start:\n{self.log.read_text(errors='replace')[-3000:]}")

    def end(self, how: str) -> None:
        """Ends the server with a key of `HOW`, and waits for it."""
        if self.process:
            self.process.send_signal(HOW[how])
            self.process.wait(START_SECONDS)
            self.process = None

    def answers(self) -> bool:
        return subprocess.run(self.command("postgres", "SELECT 1"), capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0

    def command(self, database: str, sql: str) -> list[str]:
        """The command that runs SQL as the superuser, past all proxies."""
        """The command that runs SQL with psql, as the superuser and past all proxies."""
        return [str(self.programs / "psql"), "--no-psqlrc", "--quiet", "--host", str(self.home), "--port", str(self.port), "--username", "postgres",
                "--dbname", database, "--tuples-only", "--no-align", "--field-separator", "\t", "--set", "ON_ERROR_STOP=1", "--command", sql]

    def query(self, sql: str, database: str = "postgres") -> list[list[str]]:
        """The rows of the result, each column as text. Raises RuntimeError with what psql says."""
        done = subprocess.run(self.command(database, sql), capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{sql}\n{done.stderr}")
        return [line.split("\t") for line in done.stdout.splitlines()]
