#!/usr/bin/env python3
"""Postfix delivers into maildrops: with `pop3 deliver` in its pipe transport, and over LMTP to `pop3 lmtp`.

    cargo build --release -p pop3-cli && tests/interop/deliveries.py

The program is $POP3, by default target/release/pop3. Needs Postfix and root. Python's smtplib speaks LMTP as well.
"""

from __future__ import annotations

import os
import pwd
import shutil
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "common")]
sys.dont_write_bytecode = True

from checks import Report, expect  # noqa: E402
from maildir import make_maildir  # noqa: E402
from net import HOST, Processes, free_ports, wait_for_ports  # noqa: E402
from stage import no_program, perform, program  # noqa: E402

# Who delivers, and owns the mail.
OWNER = "nobody"
DOMAIN = "example.org"
# How long Postfix may take for something, also on a very busy machine.
PATIENCE = 120

MAIN = """\
compatibility_level = 3.6
queue_directory = {work}/queue
data_directory = {work}/data
maillog_file = {work}/log
maillog_file_prefixes = {work}
myhostname = mail.{domain}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = static:all
virtual_transport = {transport}
pop3_destination_recipient_limit = 1
enable_long_queue_ids = yes
minimal_backoff_time = 2s
maximal_backoff_time = 2s
queue_run_delay = 2s
notify_classes =
smtpd_recipient_restrictions = permit_mynetworks, reject
smtputf8_enable = no
"""

MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
pop3 unix - n n - - pipe
  flags=DRu user={owner} argv={program} deliver --store {store} {options} ${{user}}
"""


class Postfix:
    """A Postfix of its own, whose mail for the domain goes through this transport."""

    def __init__(self, processes: Processes, work: Path, transport: str, pop3: Path, store: str, options: str = "") -> None:
        self.work = work
        (self.port,) = free_ports(1)
        settings = work / "etc"
        for directory in (settings, work / "queue", work / "data"):
            directory.mkdir(parents=True)
        postfix = pwd.getpwnam("postfix")
        os.chown(work / "data", postfix.pw_uid, postfix.pw_gid)
        (settings / "main.cf").write_text(MAIN.format(work=work, domain=DOMAIN, transport=transport))
        (settings / "master.cf").write_text(
            MASTER.format(port=self.port, owner=OWNER, program=pop3, store=store, options=options))
        self.settings = settings
        subprocess.run(["postfix", "-c", str(settings), "check"], check=True, capture_output=True)
        log = work / "start"
        # As its own child it ends with this program. `postfix start` would make it a session of its own.
        where = ["postconf", "-c", str(settings), "-h", "daemon_directory"]
        daemons = subprocess.run(where, check=True, capture_output=True, text=True).stdout.strip()
        running = processes.start([f"{daemons}/master", "-c", str(settings), "-d"], log)
        wait_for_ports([self.port], running, log)

    def send(self, sender: str, recipients: list[str], text: str) -> None:
        with smtplib.SMTP(HOST, self.port, timeout=60) as client:
            refused = client.sendmail(sender, recipients, text.replace("\n", "\r\n").encode())
        expect(f"Postfix takes all recipients, and not {refused}", not refused)

    def log(self) -> str:
        log = self.work / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    def wait_for(self, what: str, is_so: Callable[[], bool]) -> None:
        """Waits until something is so, or shows the log."""
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            expect(f"{what}\n{self.log()[-3000:]}", time.monotonic() < deadline)
            time.sleep(0.1)

    def flush(self) -> None:
        subprocess.run(["postqueue", "-c", str(self.settings), "-f"], check=True, capture_output=True)


def owner() -> tuple[int, int]:
    entry = pwd.getpwnam(OWNER)
    return entry.pw_uid, entry.pw_gid


def maildrops(work: Path, *users: str) -> Path:
    """A directory with Maildirs that belong to the owner of all mail."""
    mail = work / "mail"
    mail.mkdir()
    os.chown(mail, *owner())
    for user in users:
        make_maildir(mail / user, owner())
    return mail


def messages(maildir: Path) -> list[str]:
    """The messages of a Maildir."""
    new = maildir / "new"
    return sorted(file.read_text() for file in new.iterdir()) if new.is_dir() else []


def as_owner(*command: str) -> list[str]:
    uid, gid = owner()
    return ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *command]


def check_several(postfix: Postfix, alice: Callable[[], list[str]], carol: Callable[[], list[str]],
                  bob: Callable[[], list[str]]) -> None:
    """A message for two users and one who does not exist: two copies, and a report to the sender."""
    text = "Subject: first\n\nFrom here\n.\n..\nlast\n"
    postfix.send(f"bob@{DOMAIN}", [f"{user}@{DOMAIN}" for user in ("alice", "nobody.here", "carol")], text)
    postfix.wait_for("both copies arrive", lambda: len(alice()) == 1 and len(carol()) == 1)
    for message in (*alice(), *carol()):
        message = message.replace("\r\n", "\n")
        expect(f"the return path in {message}", message.startswith(f"Return-Path: <bob@{DOMAIN}>\n"))
        expect(f"the content in {message}", message.endswith("\n\nFrom here\n.\n..\nlast\n"))
    postfix.wait_for("the report arrives", lambda: len(bob()) == 1)
    expect(f"the reason in {bob()[0]}", "5.1.1" in bob()[0] and "nobody.here" in bob()[0])


def check_pipe_into_maildirs(processes: Processes, pop3: Path, work: Path) -> None:
    mail = maildrops(work, "alice", "bob", "carol")
    postfix = Postfix(processes, work / "postfix", "pop3:", pop3, f"maildir:{mail}")
    check_several(postfix, *(lambda user=user: messages(mail / user) for user in ("alice", "carol", "bob")))
    # A disk that is not mounted: nothing goes back, and the mail arrives when it is there again.
    mail.rename(work / "away")
    postfix.send(f"bob@{DOMAIN}", [f"alice@{DOMAIN}"], "Subject: second\n\n")
    postfix.wait_for("the message waits", lambda: "is a disk not mounted" in postfix.log())
    (work / "away").rename(mail)
    postfix.flush()
    postfix.wait_for("the message arrives", lambda: len(messages(mail / "alice")) == 2)
    expect("nothing else went back", len(messages(mail / "bob")) == 1)


class Database:
    """An SQLite database that belongs to the owner of all mail."""

    def __init__(self, pop3: Path, work: Path, *users: str) -> None:
        self.pop3, self.work = pop3, work
        folder = work / "database"
        folder.mkdir()
        os.chown(folder, *owner())
        self.store = f"sqlite:{folder}/mail.db"
        self.run("store", "init")
        for user in users:
            self.run("user", "add", user, "--form", "scram-sha-1", "--iterations", "4096")

    def run(self, *command: str) -> str:
        command = as_owner(str(self.pop3), *command, "--store", self.store)
        done = subprocess.run(command, input="secret\n", text=True, capture_output=True, check=False)
        expect(f"{command} says {done.stderr}", done.returncode == 0)
        return done.stdout

    def messages(self, user: str) -> list[str]:
        out = self.work / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        os.chown(out, *owner())
        self.run("store", "export", "--to", str(out), user)
        return messages(out / user)


def check_pipe_into_database(processes: Processes, pop3: Path, work: Path) -> None:
    database = Database(pop3, work, "alice", "bob", "carol")
    postfix = Postfix(processes, work / "postfix", "pop3:", pop3, database.store, "--id ${queue_id}")
    check_several(postfix, *(lambda user=user: database.messages(user) for user in ("alice", "carol", "bob")))
    # A full maildrop: the message goes back, and the report says why.
    database.run("user", "quota", "carol", "--max-messages", "1")
    postfix.send(f"bob@{DOMAIN}", [f"carol@{DOMAIN}"], "Subject: second\n\n")
    postfix.wait_for("the second report arrives", lambda: len(database.messages("bob")) == 2)
    expect("the reason", any("5.2.2" in report for report in database.messages("bob")))
    expect("nothing is wrong", "nothing is wrong" in database.run("store", "check"))


def start_lmtp(processes: Processes, pop3: Path, work: Path, store: str) -> str:
    sockets = work / "sockets"
    sockets.mkdir()
    os.chown(sockets, *owner())
    log, socket = work / "lmtp.log", sockets / "lmtp"
    options = ("--listen", f"unix:{socket}", "--socket-mode", "666", "--strip-domain", "--recipient-delimiter", "+")
    running = processes.start(as_owner(str(pop3), "lmtp", "--store", store, *options), log)
    deadline = time.monotonic() + PATIENCE
    while not socket.exists():
        expect(log.read_text(), running.poll() is None and time.monotonic() < deadline)
        time.sleep(0.05)
    return str(socket)


def check_lmtp(processes: Processes, pop3: Path, work: Path, store: str, stored: Callable[[str], list[str]]) -> None:
    socket = start_lmtp(processes, pop3, work, store)
    postfix = Postfix(processes, work / "postfix", f"lmtp:unix:{socket}", pop3, store)
    check_several(postfix, *(lambda user=user: stored(user) for user in ("alice", "carol", "bob")))
    # Python's client: each recipient has a reply, and bare line ends are content.
    client = smtplib.LMTP(socket)
    refused = client.sendmail("bob@x", ["alice+lists@a.example", "nobody@b.example"], b"Subject: third\r\n\r\n.\r\n")
    client.quit()
    expect(f"one refused, and not {refused}", list(refused) == ["nobody@b.example"])
    expect("the reason", refused["nobody@b.example"][0] == 550)
    expect("the message is there", any("Subject: third" in message for message in stored("alice")))


def check_lmtp_into_maildirs(processes: Processes, pop3: Path, work: Path) -> None:
    mail = maildrops(work, "alice", "bob", "carol")
    check_lmtp(processes, pop3, work, f"maildir:{mail}", lambda user: messages(mail / user))


def check_lmtp_into_database(processes: Processes, pop3: Path, work: Path) -> None:
    database = Database(pop3, work, "alice", "bob", "carol")
    check_lmtp(processes, pop3, work, database.store, database.messages)


def check_deliveries(report: Report, processes: Processes, pop3: Path, work: Path) -> None:
    """All checks, each with a Postfix of its own."""
    for check in (check_pipe_into_maildirs, check_pipe_into_database, check_lmtp_into_maildirs, check_lmtp_into_database):
        name = check.__name__.removeprefix("check_").replace("_", " ")
        place = work / check.__name__
        place.mkdir()
        report.check(f"Postfix, {name}", lambda check=check, place=place: check(processes, pop3, place))


def main() -> int:
    if reason := no_program() or ("" if shutil.which("postfix") else "Postfix is not installed: apt-get install postfix"):
        print(f"FAIL  {reason}")
        return 1
    report = Report()
    return perform("deliveries", report, lambda work, processes: check_deliveries(report, processes, program(), work))


if __name__ == "__main__":
    sys.exit(main())
