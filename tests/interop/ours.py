"""The program under test: `pop3 serve` as a server, `pop3 fetch` as a client."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import corpus
from clients import Failed, Login, files_of, run_client, secret_file
from net import HOST, START_SECONDS, Processes
from peers import Peer
from serve import listening, serve_command

# It ends 4 s after SIGTERM at the latest, if it has a processor.
STOP_SECONDS = 60


@dataclass
class Serve:
    """A running `pop3 serve`."""

    name: str
    plain: int
    tls: int
    maildrops: Path
    log: Path
    process: subprocess.Popen[bytes]
    # The user whose maildrop ANONYMOUS logins open.
    anonymous: str = "anonymous"

    def mechanisms_used(self, user: str, mark: int) -> list[str]:
        """The mechanisms by which the user has logged in since the log had this length. `USER` is USER and PASS."""
        return [fields["mechanism"] for fields in self.sessions(mark) if fields["user"] == user]

    def sessions(self, mark: int = 0) -> list[dict[str, str]]:
        """The log lines about sessions that have ended, as fields."""
        with self.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(mark)
            lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in log]
        return [dict(re.findall(r'(\w+)="?([^" ]*)', line)) for line in lines if " session " in line]

    def check_refusal(self, said: str) -> None:
        """A client that shows the server's reply must have received the code for wrong credentials."""
        if "-ERR" in said and "-ERR [AUTH] " not in said:
            raise Failed(f"not marked as [AUTH]: {said}")

    def maildir(self, user: str) -> Path:
        return self.maildrops / user

    def fill(self, user: str, messages: list[corpus.Message]) -> None:
        """Replaces the contents of the user's maildrop by the messages."""
        shutil.rmtree(self.maildir(user), ignore_errors=True)
        corpus.write_maildir(self.maildir(user), messages)

    def stored(self, user: str) -> int:
        return sum(len(os.listdir(self.maildir(user) / sub)) for sub in ("cur", "new"))

    def stop(self) -> None:
        """Sends SIGTERM. The program must exit with 0 in time."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as late:
            raise Failed(f"still runs {STOP_SECONDS} s after SIGTERM") from late
        if code:
            raise Failed(f"ended with {code} after SIGTERM")


Served = TypeVar("Served", bound=Serve)


def start_serve(processes: Processes, program: Path, work: Path, runtime: str, users: dict[str, str] | str, cert: Path,
                key: Path, *options: str) -> Serve:
    """Starts the server on ports of its own choice and waits for its line `ready`.

    `users` contains names and plain-text passwords, or the lines of a users file.
    """
    home = Path(tempfile.mkdtemp(prefix=f"serve-{runtime}-", dir=work))
    maildrops = home / "maildrops"
    lines = users if isinstance(users, str) else "".join(f"{name}:{{PLAIN}}{word}\n" for name, word in users.items())
    for user in {line.partition(":")[0] for line in lines.splitlines()}:
        corpus.write_maildir(maildrops / user, [])
    words = secret_file(home / "users", lines)
    log = home / "log"
    command = serve_command(program, runtime, maildrops, words, cert, key, "--hostname", "localhost", *options)
    return started(Serve, runtime, processes, command, maildrops, log)


def started(kind: type[Served], name: str, processes: Processes, command: list[str], maildrops: Path, log: Path, **more: object) -> Served:
    """Starts the server, waits for its line `ready`, and returns it as this type."""
    process = processes.start(command, log, stdout=subprocess.PIPE)
    try:
        ports = listening(process, log, START_SECONDS)
        return kind(name, ports["pop3"], ports["pop3s"], maildrops, log, process, **more)
    except KeyError as missing:
        raise Failed(f"pop3 serve named no listener for {missing}") from missing


def passwd(program: Path, user: str, password: str) -> str:
    """The lines that `pop3 passwd` prints: a hash, and keys for each SCRAM."""
    done = subprocess.run([str(program), "passwd", user], input=password + "\n", capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"pop3 passwd ended with {done.returncode}: {done.stderr}")
    return done.stdout


@dataclass
class Fetch:
    """`pop3 fetch`, run repeatedly with one state file and one target directory."""

    program: Path
    runtime: str
    directory: Path

    def run(self, peer: Peer, login: Login, mode: str, *options: str, codes: tuple[int, ...] = (0,)) -> list[bytes]:
        """Fetches into the target. Returns all messages in it."""
        target = self.directory / "target"
        word = self.directory / "password"
        if not word.exists():
            secret_file(word, login.password + "\n")
        secret = [] if "--token-command" in options else ["--password-file", str(word)]
        url = f"pop3s://{login.user}@{HOST}:{peer.tls}" if mode == "tls" else f"pop3://{login.user}@{HOST}:{peer.plain}"
        command = [
            str(self.program), "fetch", url, "--to", f"dir:{target}", *secret,
            "--tls", {"plain": "off", "stls": "starttls", "tls": "implicit"}[mode], "--ca-file", str(login.ca),
            "--state", str(self.directory / "state"), "--timeout", "60", "--runtime", self.runtime, "--quiet", *options,
        ]
        run_client(command, accept=codes)
        unfinished = files_of(target / "tmp") if (target / "tmp").exists() else []
        if unfinished:
            raise Failed(f"{len(unfinished)} unfinished files are left under tmp/")
        return files_of(target) if target.exists() else []
