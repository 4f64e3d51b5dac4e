"""Servers to attack: our own, each with a directory, a log and a process that can be seen, or one of somebody else."""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import ssl
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from basics import PATIENCE, Bounds, Failed, must
from net import Processes
from session import Session, connect
from watch import Watch, judged

HOST = "127.0.0.1"
# Comes from an address of its own, like a client that has nothing to do with the attack.
HONEST = "127.200.200.200"
# A line of the log in the text format: time, level, and fields in which nothing is outside its quotes.
LINE = re.compile(r'20\d\d-\d\d-\d\dT[\d:.]+Z +(?:ERROR|WARN|INFO|DEBUG)[ \w,.:;()/\'-]*(?: ?\w+=(?:"(?:[^"\\]|\\.)*"|[^" ]*))*')
STOP_SECONDS = 20


@dataclass(frozen=True)
class Account:
    name: str
    password: str


OWNER = Account("olivia", "correct horse battery")
INTRUDER = Account("mallory", "just another user")


def wire(message: bytes) -> bytes:
    """A message as it is sent."""
    return message.replace(b"\n", b"\r\n")


def json_line(line: str) -> bool:
    """Whether it is one JSON object, with the fields that each line of the log has, and none twice."""

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a field comes twice")
        return dict(pairs)

    try:
        return {"timestamp", "level", "message"} <= json.loads(line, object_pairs_hook=once).keys()
    except ValueError:
        return False


def letter(user: str, number: int, octets: int = 300) -> bytes:
    """A message that only this user has."""
    head = f"From: a@example.org\nSubject: {number} for {user}\nMessage-ID: <{number}.{user}@example.org>\n\n".encode()
    line = f".{number} {user} The quick brown fox jumps over the lazy dog.\n".encode()
    return head + line * max(1, (octets - len(head)) // len(line))


class Server:
    """A server under attack."""

    pid: int | None = None

    def __init__(self, host: str, plain: int, tls: int | None, owner: Account, intruder: Account | None) -> None:
        self.host, self.plain, self.tls = host, plain, tls
        self.owner, self.intruder = owner, intruder
        # How many connections there were since the attack began.
        self.opened = 0
        # What the owner has to receive.
        self.mail: list[bytes] | None = None

    @property
    def loopback(self) -> bool:
        return self.host.startswith("127.")

    def source(self, number: int) -> str | None:
        """One of many addresses of attackers, if there can be any."""
        return f"127.{10 + number // 62500 % 100}.{number // 250 % 250}.{1 + number % 250}" if self.loopback else None

    def raw(self, source: int | str | None = 0, tls: bool = False, window: int | None = None) -> Session:
        """A connection from which nothing was read."""
        port = self.tls if tls else self.plain
        assert port is not None
        self.opened += 1
        return Session(connect(self.host, port, self.source(source) if isinstance(source, int) else source, window))

    def session(self, source: int | str | None = 0, tls: bool = False, window: int | None = None) -> Session:
        """A connection on which the server has greeted."""
        session = self.raw(source, tls, window)
        try:
            if tls:
                session.secure()
            greeting = session.line()
        except ssl.SSLError as error:
            session.close()
            raise Failed(f"no TLS: {error}") from error
        except BaseException:
            session.close()
            raise
        if not greeting.startswith(b"+OK"):
            session.close()
            raise Failed(f"the greeting is {greeting!r}")
        return session

    def logged_in(self, account: Account, source: int | str | None = 0, window: int | None = None, patient: bool = False) -> Session:
        """A session of this user. If patient, waits until the session before it has ended."""
        end = time.monotonic() + PATIENCE
        while True:
            session = self.session(source, window=window)
            reply = session.log_in(account.name, account.password)
            if reply.startswith(b"+OK"):
                return session
            session.close()
            if not patient or time.monotonic() > end:
                raise Failed(f"{account.name} cannot log in: {reply!r}")

    def honest(self) -> None:
        """A whole session of the owner, who has nothing to do with the attack: all mail comes, as it was."""
        source = HONEST if self.loopback else None
        session = self.logged_in(self.owner, source, patient=True)
        with session:
            counted = int(session.good("STAT").split()[1])
            session.good("LIST")
            listed = session.lines()
            must(listed is not None and len(listed) == counted, f"STAT counts {counted} messages, and LIST shows {listed}")
            mail = []
            for number in range(1, min(counted, 20) + 1):
                session.good(f"RETR {number}")
                message = session.message()
                must(message is not None, f"the honest client has lost its connection in message {number}")
                mail.append(message)
            session.good("QUIT")
        if self.mail is None:
            self.mail = mail
        must(mail == self.mail, "the honest client has not received its mail as it was")

    def judge(self, bounds: Bounds | None) -> str:
        """What must hold after every attack. Returns what it has cost."""
        self.honest()
        return ""

    def end(self) -> None:
        """Leaves nothing behind."""


class Foreign(Server):
    """A server that was there before, of which nothing but the outside can be seen, and its process, if its id is given."""

    watch: Watch | None = None

    def begin(self, pid: int | None) -> None:
        self.honest()
        self.pid = pid
        self.watch, self.opened = Watch(pid) if pid else None, 0

    def judge(self, bounds: Bounds | None) -> str:
        self.honest()
        return judged(self.watch, bounds, self.opened, True, False, False) if self.watch and bounds else ""

    def end(self) -> None:
        if self.watch:
            self.watch.stop()


class Ours(Server):
    """A server that the battery starts, with maildrops that it fills and compares."""

    process: subprocess.Popen[bytes]
    watch: Watch
    patient = False

    def __init__(self, processes: Processes, command: list[str], home: Path, runtime: str) -> None:
        super().__init__(HOST, 0, None, OWNER, INTRUDER)
        self.processes, self.command, self.home, self.runtime = processes, command, home, runtime
        self.log = home / "log"
        self._began = 0.0

    @property
    def maildrops(self) -> Path:
        return self.home / "maildrops"

    def maildir(self, user: str) -> Path:
        return self.maildrops / user

    def deliver(self, user: str, messages: list[bytes], first: int = 1) -> None:
        """Puts the messages into the user's Maildir, in this order."""
        for sub in ("cur", "new", "tmp"):
            (self.maildir(user) / sub).mkdir(parents=True, exist_ok=True)
        for number, message in enumerate(messages, first):
            (self.maildir(user) / "new" / f"{1_700_000_000 + number}.M{number}.attack").write_bytes(message)

    def files(self, user: str) -> list[Path]:
        """The files of the user's messages, in the order of their delivery."""
        found = [path for sub in ("cur", "new") for path in (self.maildir(user) / sub).iterdir() if path.is_file()]
        return sorted(found, key=lambda path: int(path.name.split(".")[0]) if path.name[0].isdigit() else 0)

    def stored(self, user: str) -> list[bytes]:
        return [path.read_bytes() for path in self.files(user)]

    def start(self) -> None:
        """Starts the server on ports of its own choice, and waits for its line `ready`."""
        self.process = self.processes.start(self.command, self.log, stdout=subprocess.PIPE)
        self.pid = self.process.pid
        ports = self._listening()
        self.plain, self.tls = ports["pop3"], ports.get("pop3s")

    def _listening(self) -> dict[str, int]:
        stdout = self.process.stdout
        assert stdout is not None
        text, ports, end = b"", {}, time.monotonic() + PATIENCE
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while b"ready\n" not in text:
                left = end - time.monotonic()
                got = os.read(stdout.fileno(), 4096) if left > 0 and selector.select(left) else b""
                must(got, f"the server does not start: {text!r} {self.said()[-1500:]}")
                text += got
        stdout.close()
        for line in text.decode().splitlines():
            words = line.split()
            if len(words) == 3 and words[0] == "listening":
                ports.setdefault(words[1], int(words[2].rpartition(":")[2]))
        return ports

    def begin(self) -> None:
        """Starts, serves one client, and remembers what the process takes then."""
        self.start()
        self.honest()
        if self.tls:
            with self.session(HONEST, tls=True) as session:
                session.good("QUIT")
        assert self.pid is not None
        # Sessions end a moment after their connection.
        Watch(self.pid).stop()
        self.watch, self.opened = self._settled(self.pid), 0

    @staticmethod
    def _settled(pid: int) -> Watch:
        watch = Watch(pid)
        for _ in range(40):
            time.sleep(0.05)
            now = watch.until(0, 0, 0)
            assert now is not None
            if now == watch.before:
                break
            watch.before = now
        return watch

    def said(self) -> str:
        return self.log.read_text(errors="surrogateescape")

    def sessions(self, **wanted: str) -> list[dict[str, str]]:
        """The log's lines about sessions that have ended, those with these fields."""
        found = [dict(re.findall(r'(\w+)="?([^" ]*)', line)) for line in self.said().splitlines() if " session " in line]
        return [fields for fields in found if wanted.items() <= fields.items()]

    def kill(self) -> None:
        """As `kill -9` does."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def judge(self, bounds: Bounds | None) -> str:
        self.honest()
        must(self.process.poll() is None, "the server has ended")
        cost = judged(self.watch, bounds, self.opened, self.runtime == "std", True, self.patient) if bounds else ""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as late:
            raise Failed("the server does not end on SIGTERM") from late
        must(code == 0, f"the server has ended with {code}")
        self.judge_log()
        must(not self._strangers(), f"files outside of the maildrops: {self._strangers()}")
        return cost

    def judge_log(self) -> None:
        """No line of the log is anything but the server's own, whatever a client has sent."""
        in_json = "json" in self.command
        for line in self.said().split("\n")[:-1]:
            must(json_line(line) if in_json else LINE.fullmatch(line), f"not a line of the log: {line[:300]!r}")
            must("panicked" not in line, f"a panic: {line[:300]!r}")

    def _strangers(self) -> list[str]:
        known = {"log", "maildrops", "users", "outside", "target", "state", "password"}
        there = [path.name for path in self.home.iterdir() if not path.name.startswith(("users.", "state"))]
        return sorted(set(there) - known)

    def end(self) -> None:
        if hasattr(self, "watch"):
            self.watch.stop()
        if hasattr(self, "process") and self.process.poll() is None:
            self.kill()


class Arena:
    """Where one attack takes place."""

    ours = False

    def __init__(self, size: str, ci: bool) -> None:
        self.size, self.ci = size, ci
        self.servers: list[Server] = []

    @property
    def long(self) -> bool:
        return self.size == "long"

    def many(self, short: int, long: int) -> int:
        """How many: of `short` and `long`, and a quarter of `short` for the battery's own test."""
        return {"tiny": max(2, short // 4), "short": short, "long": long}[self.size]

    def serve(self, *options: str, crowd: int = 0, mail: dict[str, list[bytes]] | None = None, hashed: bool = False, port: int = 0) -> Server:
        raise NotImplementedError

    def judge(self, bounds: Bounds | None) -> str:
        """Judges and ends all servers of the attack."""
        return "; ".join(cost for cost in [server.judge(bounds) for server in self.servers] if cost)

    def end(self) -> None:
        for server in self.servers:
            server.end()


class ForeignArena(Arena):
    def __init__(self, size: str, ci: bool, server: Foreign, pid: int | None) -> None:
        super().__init__(size, ci)
        self.server, self.pid = server, pid

    def serve(self, *options: str, crowd: int = 0, mail: dict[str, list[bytes]] | None = None, hashed: bool = False, port: int = 0) -> Server:
        if not self.servers:
            self.server.begin(self.pid)
            self.servers.append(self.server)
        return self.server


class OurArena(Arena):
    ours = True

    def __init__(self, size: str, ci: bool, processes: Processes, program: Path, runtime: str, work: Path) -> None:
        super().__init__(size, ci)
        self.processes, self.program, self.runtime, self.work = processes, program, runtime, work

    def serve(self, *options: str, crowd: int = 0, mail: dict[str, list[bytes]] | None = None, hashed: bool = False, port: int = 0) -> Ours:
        """Starts the program with these options: the owner, the intruder, and a crowd of users u0, u1 and so on.

        `mail` has their messages. Without a port, the system chooses one. If hashed, the owner's password is stored as a
        hash that takes a while to compute.
        """
        home = self.work / f"{self.runtime}-{len(list(self.work.iterdir()))}"
        home.mkdir()
        command = [str(self.program), "serve", "--allow-root", "--maildrops", str(home / "maildrops"), "--users", str(home / "users"),
                   "--listen", f"{HOST}:{port}", "--listen-tls", f"{HOST}:0", "--tls-cert", str(self.work / "cert.pem"),
                   "--tls-key", str(self.work / "key.pem"), "--hostname", "localhost", "--runtime", self.runtime, *options]
        server = Ours(self.processes, command, home, self.runtime)
        self.servers.append(server)
        server.patient = self.long
        mail = {OWNER.name: [letter(OWNER.name, number) for number in range(1, 6)], **(mail or {})}
        lines = [f"{INTRUDER.name}:{{PLAIN}}{INTRUDER.password}"]
        lines += [self.hash(OWNER)] if hashed else [f"{OWNER.name}:{{PLAIN}}{OWNER.password}"]
        lines += [f"u{number}:{{PLAIN}}{INTRUDER.password}" for number in range(crowd)]
        for user in [INTRUDER.name, *(f"u{number}" for number in range(crowd)), *mail]:
            server.deliver(user, mail.get(user, []))
        (home / "users").touch(0o600)
        (home / "users").write_text("\n".join(lines) + "\n")
        server.mail = [wire(message) for message in mail[OWNER.name]]
        server.begin()
        return server

    def hash(self, account: Account) -> str:
        """The line of the users file with the account's argon2id hash."""
        done = subprocess.run([str(self.program), "passwd", "--form", "argon2id", account.name], input=account.password + "\n",
                              capture_output=True, text=True, check=False)
        must(done.returncode == 0, f"passwd ended with {done.returncode}: {done.stderr}")
        return done.stdout.strip()


def counted(messages: list[bytes]) -> Counter[bytes]:
    """The messages, whatever their order."""
    return Counter(messages)
