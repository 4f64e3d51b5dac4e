"""Maildrops move from Dovecot and Courier to us and back, while clients that leave mail on the server poll.

New mail arrives at each place. Each client must download each message once. Also, the servers must list the same
unique-ids.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

import corpus
import peers
from checks import Report, compare, expect
from clients import Login, Server, files_of, poplib_session, run_client, secret_file
from dovecot import start_dovecot
from net import HOST, Processes
from ours import Fetch, Serve, start_serve
from relay import Relays, Switch

USER = "mover"
OWNER = (peers.UID, peers.GID)
# The formats that Dovecot's documentation names, and more that it accepts.
FORMATS = ("%08Xu%08Xv", "%08Xv%08Xu", "%f", "%g", "%v-%u", "UID%u-%v", "%u", "%v.%u", "%Mf", "%03u.%2.8Xv")


class Client(Protocol):
    """A client that leaves mail on the server, and remembers what it has."""

    def poll(self) -> list[bytes]:
        """Fetches what is new. Returns all that was ever fetched."""


@dataclass
class ByFetch:
    """`pop3 fetch` with its state file."""

    fetch: Fetch
    server: Switch
    login: Login

    def poll(self) -> list[bytes]:
        return self.fetch.run(self.server, self.login, "plain")  # type: ignore[arg-type]


@dataclass
class ByFetchmail:
    """fetchmail with its option `uidl`, which remembers unique-ids."""

    server: Server
    login: Login
    directory: Path

    def poll(self) -> list[bytes]:
        mail = self.directory / "mail"
        mail.mkdir(exist_ok=True)
        rc = secret_file(self.directory / "fetchmailrc", f"""
set no syslog
set no bouncemail
set invisible
set idfile "{self.directory / 'ids'}"
set pidfile "{self.directory / 'pid'}"
poll localhost via {HOST} protocol POP3 port {self.server.plain} uidl auth password timeout 120
  user "{self.login.user}" password "{self.login.password}" is root here
  sslproto ''
  keep no rewrite no mimedecode no dropstatus no forcecr no stripcr pass8bits
  mda "cat > $(mktemp {mail}/XXXXXXXX)"
""")
        # 1: there is no new mail.
        run_client(["fetchmail", "--fetchmailrc", str(rc), "--nodetach", "--silent", "--nosyslog"], accept=(0, 1))
        return files_of(mail)


@dataclass
class ByMpop:
    """mpop with `keep on`, which remembers unique-ids."""

    server: Server
    login: Login
    directory: Path

    def poll(self) -> list[bytes]:
        mail = self.directory / "mail"
        for sub in ("cur", "new", "tmp"):
            (mail / sub).mkdir(parents=True, exist_ok=True)
        word = secret_file(self.directory / "password", self.login.password + "\n")
        rc = secret_file(self.directory / "mpoprc", f"""
account default
host {HOST}
port {self.server.plain}
user {self.login.user}
passwordeval "cat {word}"
auth user
tls off
timeout 120
keep on
received_header off
uidls_file {self.directory / 'uidls'}
delivery maildir {mail}
""")
        run_client(["mpop", "--file", str(rc), "--quiet"])
        return [octets.replace(b"\n", b"\r\n") for octets in files_of(mail)]


@dataclass
class Place:
    """What all moves share."""

    processes: Processes
    program: Path
    work: Path
    root: Path
    relays: Relays
    login: Login
    cert: Path
    key: Path
    runtime: str

    def serve(self, maildir: Path, *options: str) -> Serve:
        """Our server for this Maildir."""
        serving = start_serve(self.processes, self.program, self.work, self.runtime, {USER: self.login.password}, self.cert,
                              self.key, *options)
        shutil.rmtree(serving.maildir(USER))
        serving.maildir(USER).symlink_to(maildir)
        return serving

    def clients(self, server: Switch) -> Iterator[Client]:
        yield ByFetch(Fetch(self.program, self.runtime, self._directory()), server, self.login)
        yield ByFetchmail(server, self.login, self._directory())
        yield ByMpop(server, self.login, self._directory())

    def _directory(self) -> Path:
        return Path(tempfile.mkdtemp(prefix="moving-", dir=self.work))


def moved(number: int) -> corpus.Message:
    return corpus.Message(f"moved-{number}", b"Subject: moved %d\nMessage-ID: <%d@moved>\n\nNumber %d\n" % (number, number, number))


@dataclass
class Move:
    """One maildrop, one other server, and ours."""

    place: Place
    other: Server
    ours: Serve
    maildir: Path
    delivered: list[corpus.Message] = field(default_factory=list)

    def deliver(self, count: int) -> None:
        for _ in range(count):
            message = moved(len(self.delivered))
            corpus.write_message(self.maildir, message, len(self.delivered), OWNER)
            self.delivered.append(message)

    def listing(self, server: Server) -> list[bytes]:
        session = poplib_session(server, self.place.login, "plain")
        ids = session.uidl()[1]
        session.quit()
        return ids

    def run(self) -> None:
        self.poll_at((("the other server", self.other, 3), ("ours", self.ours, 0), ("ours, with new mail", self.ours, 2),
                                    ("the other server again", self.other, 0), ("the other server, with new mail", self.other, 2),
                                    ("ours again, with new mail", self.ours, 1), ("the other server at last", self.other, 0)))

    def poll_at(self, places: Iterable[tuple[str, Server, int]]) -> None:
        """All clients poll at each place, where so many messages are new."""
        switch = self.place.relays.switch()
        clients = list(self.place.clients(switch))
        before: list[bytes] = []
        for name, server, count in places:
            self.deliver(count)
            switch.leads_to = server.plain
            wanted = {message.name: message.wire for message in self.delivered}
            for client in clients:
                try:
                    compare(wanted, client.poll())
                except Exception as error:
                    raise type(error)(f"{type(client).__name__} at {name}: {error}") from error
            listed = self.listing(server)
            expect(f"{name} lists {listed} after {before}", listed[:len(before)] == before or not before)
            expect(f"two messages have one unique-id: {listed}", len({one.split()[1] for one in listed}) == len(self.delivered))
            before = listed


def moves_of_dovecot(place: Place, report: Report) -> Iterator[Callable[[], None]]:
    """A check for each format of unique-ids."""
    for number, form in enumerate((*FORMATS, "%08Xu%08Xv saved")):
        yield partial(report.check, f"moving, dovecot {form}", partial(_with_dovecot, place, number, *form.split()))


def _with_dovecot(place: Place, number: int, form: str, saved: str = "") -> None:
    work = Path(tempfile.mkdtemp(prefix=f"moving-dovecot-{number}-", dir=place.work))
    settings = f"pop3_uidl_format = {form}\n" + ("pop3_save_uidl = yes\n" if saved else "")
    other = start_dovecot(place.processes, place.root, work, [USER], place.login.password, place.cert, place.key, settings)
    maildir = other.maildir(USER)
    corpus.write_maildir(maildir, [], OWNER)
    Move(place, other, place.serve(maildir, "--unique-ids", f"dovecot:{form}"), maildir).run()


def move_of_courier(place: Place, report: Report, courier: peers.Peer) -> None:
    """The same with Courier."""

    def run() -> None:
        courier.fill(USER, [])
        maildir = courier.maildir(USER)
        Move(place, courier, place.serve(maildir, "--unique-ids", "courier"), maildir).run()
        expect("our list has another owner", os.stat(maildir / "courierpop3dsizelist").st_uid == peers.UID)

    report.check("moving, courier", run)


def moves_of_mboxes(place: Place, report: Report) -> Iterator[Callable[[], None]]:
    """An mbox that Dovecot has served is imported."""
    for number, form in enumerate(("%08Xu%08Xv", "%m")):
        yield partial(report.check, f"moving, mbox {form}", partial(_with_mbox, place, number, form))


def _with_mbox(place: Place, number: int, form: str) -> None:
    work = Path(tempfile.mkdtemp(prefix=f"moving-mbox-{number}-", dir=place.work))
    settings = (f"pop3_uidl_format = {form}\nmail_location = mbox:~/box:INBOX=~/spool\nmbox_write_locks = fcntl\n"
                "service pop3 {\n  client_limit = 1\n}\n")
    other = start_dovecot(place.processes, place.root, work, [USER], place.login.password, place.cert, place.key, settings)
    home = other.maildir(USER)
    (home / "box").mkdir(parents=True)
    for path in (home, home / "box"):
        os.chown(path, *OWNER)
    spool, maildir = home / "spool", home / "Maildir"
    old = [moved(index) for index in range(3)]
    spool.write_bytes(b"".join(b"From a@b Sat Jan  6 10:00:00 2024\n" + message.stored + b"\n" for message in old))
    os.chown(spool, *OWNER)
    maildir.mkdir()
    move = Move(place, other, place.serve(maildir, "--unique-ids", "dovecot"), maildir, old)

    def places() -> Iterator[tuple[str, Server, int]]:
        yield "the other server", other, 0
        for _ in range(2):
            run_client([str(place.program), "store", "import", "--from", f"mbox:{spool}", "--to", f"maildir:{maildir}",
                        "--unique-ids", f"dovecot:{form}", "--remove"])
        expect("the mbox is not empty", not spool.read_bytes())
        yield "ours", move.ours, 0
        yield "ours, with new mail", move.ours, 2

    move.poll_at(places())
