"""`pop3 fetch --delete` and `kill -9`: of the fetch, and of its server."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import time

from arena import HOST, INTRUDER, Arena, Ours, letter, wire
from basics import PATIENCE, Failed, attack, must
from net import free_ports

# How many messages come before each fetch, and how many fetches may end before they are killed, for each one that is.
PART, TRIES = 40, 10


def digest(message: bytes) -> bytes:
    return hashlib.sha256(message).digest()


class Mail:
    """Mail that comes again and again, and what has arrived of it in the target of `pop3 fetch`."""

    def __init__(self, server: Ours) -> None:
        self.server = server
        self.target, self.password = server.home / "target", server.home / "password"
        # Hashes of the messages, no two of which are the same, and of what is in the files that have arrived.
        self.sent: set[bytes] = set()
        self.arrived: dict[str, bytes] = {}
        self.whole: set[bytes] = set()
        # When the last fetch began: what had arrived, and what the server had.
        self.before = self.more = 0
        self.password.touch(0o600)
        self.password.write_text(INTRUDER.password + "\n")

    def deliver(self) -> None:
        first = len(self.sent)
        new = [letter(INTRUDER.name, number, 300_000 if number % 20 == 10 else 2000) for number in range(first, first + PART)]
        self.server.deliver(INTRUDER.name, new, first=first)
        self.sent.update(digest(wire(message)) for message in new)

    def fetch(self) -> subprocess.Popen[bytes]:
        """Begins to fetch."""
        self.before, self.more = len(self.arrived), len(self.server.files(INTRUDER.name))
        command = [self.server.command[0], "fetch", f"pop3://{INTRUDER.name}@{HOST}:{self.server.plain}", "--to", f"dir:{self.target}", "--tls", "off",
                   "--password-file", str(self.password), "--state", str(self.server.home / "state"), "--delete", "--quiet",
                   "--runtime", self.server.runtime]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def look(self) -> None:
        """What has arrived is whole at any time, and nothing twice."""
        # In `tmp` there may be parts.
        names = set(os.listdir(self.target)) - {"tmp"} if self.target.exists() else set()
        for name in names - self.arrived.keys():
            message = digest((self.target / name).read_bytes())
            must(message in self.sent, "a message has arrived in part")
            must(message not in self.whole, "messages have arrived twice")
            self.whole.add(message)
            self.arrived[name] = message

    def follow(self, process: subprocess.Popen[bytes]) -> None:
        """Waits until some of the messages that the server had, or all, have arrived, or the fetch has ended. Then a little longer."""
        wanted, end = self.before + min(self.more, random.randrange(self.more * 5 // 4)), time.monotonic() + PATIENCE
        while len(self.arrived) < wanted and process.poll() is None:
            must(time.monotonic() < end, f"{len(self.arrived)} messages have arrived, and no more in {PATIENCE:.0f} s")
            self.look()
            time.sleep(0.001)
        time.sleep(random.random() * 0.02)

    def ended(self, process: subprocess.Popen[bytes], *codes: int) -> int:
        """The exit code, which must be one of these. What has not arrived is still on the server."""
        try:
            _, said = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired as late:
            process.kill()
            raise Failed(f"fetch has not ended in {PATIENCE:.0f} s") from late
        must(process.returncode in codes, f"fetch ended with {process.returncode}: {said[-300:]!r}")
        self.look()
        left = {digest(wire(message)) for message in self.server.stored(INTRUDER.name)}
        must(self.whole | left == self.sent, "a message is neither on the server nor in the target")
        return process.returncode

    def finish(self) -> None:
        """Fetches until all is there, exactly once. Another session may still be ending."""
        end = time.monotonic() + PATIENCE
        while self.ended(self.fetch(), 0, 3, 6):
            must(time.monotonic() < end, "no fetch succeeds any more")
        # What had arrived is still the same.
        self.arrived.clear()
        self.whole.clear()
        self.look()
        must(self.whole == self.sent, "a message is missing")
        must(not self.server.stored(INTRUDER.name), "messages are left on the server")


@attack("a crash, `kill -9`", "kills `pop3 fetch --delete` at random moments, again and again, while new mail comes",
        "no message is lost, doubled or cut at any time; the last run has each message exactly once", "ours")
def a_killed_fetch_has_each_message_once(arena: Arena) -> str:
    server = arena.serve()
    assert isinstance(server, Ours)
    mail, rounds = Mail(server), arena.many(5, 100)
    killed = within = tried = 0
    while within < rounds and tried < TRIES * rounds:
        mail.deliver()
        process = mail.fetch()
        mail.follow(process)
        process.send_signal(signal.SIGKILL)
        killed += mail.ended(process, 0, 3, 6, -signal.SIGKILL) == -signal.SIGKILL
        within += mail.before < len(mail.arrived) and bool(server.files(INTRUDER.name))
        tried += 1
    mail.finish()
    return f"{killed} kills, {within} within a fetch, {len(mail.sent)} messages"


@attack("a crash, `kill -9`", "kills the server while `pop3 fetch --delete` runs, again and again",
        "the fetch reports it, and a later one has each message exactly once", "ours")
def a_fetch_survives_a_killed_server(arena: Arena) -> str:
    # The state file of a fetch names the port, which stays the same.
    server = arena.serve(port=free_ports(1)[0])
    assert isinstance(server, Ours)
    mail, rounds = Mail(server), arena.many(4, 50)
    codes: list[int] = []
    within = 0
    while within < rounds and len(codes) < TRIES * rounds:
        mail.deliver()
        process = mail.fetch()
        mail.follow(process)
        server.kill()
        codes.append(mail.ended(process, 0, 3, 6))
        within += mail.before < len(mail.arrived) and codes[-1] != 0
        server.start()
    mail.finish()
    return f"{len(codes)} kills, {within} within a fetch, exit codes {sorted(set(codes))}"
