"""Files that change while a session has them in its list."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from arena import INTRUDER, Arena, Ours, counted, letter, wire
from basics import Skipped, attack, must
from session import Session

SECRET = b"Subject: secret\n\nSECRET of somebody else\n" * 100


def replaced(make: Callable[[Path], object]) -> Callable[[Ours, Path], None]:
    """Puts something else in the place of a file at once."""

    def change(server: Ours, file: Path) -> None:
        other = file.parent.parent / "tmp" / "other"
        make(other)
        if other.is_dir() and not other.is_symlink():
            # A directory cannot be renamed to the name of a file.
            file.unlink()
        other.rename(file)

    return change


def in_maildir(make: Callable[[Ours, Path], None]) -> Callable[[Ours, Path], None]:
    """Moves the whole Maildir away, and puts something in its place."""

    def change(server: Ours, file: Path) -> None:
        maildir = file.parent.parent
        maildir.rename(server.home / "outside")
        make(server, maildir)

    return change


CHANGES: dict[str, Callable[[Ours, Path], None]] = {
    "a symlink to a secret": replaced(lambda path: path.symlink_to(path.parent.parent.parent / "secret")),
    "a hanging symlink": replaced(lambda path: path.symlink_to("/nonexistent")),
    "a directory": replaced(lambda path: path.mkdir()),
    "a FIFO": replaced(lambda path: os.mkfifo(path)),
    "another message": replaced(lambda path: path.write_bytes(letter("other", 9, 5000))),
    "an empty file": replaced(lambda path: path.touch()),
    "truncated": lambda _, file: os.truncate(file, 1000),
    "emptied": lambda _, file: os.truncate(file, 0),
    "one octet shorter": lambda _, file: os.truncate(file, file.stat().st_size - 1),
    "grown": lambda _, file: append(file, b"SECRET behind the end\n" * 1000),
    "removed": lambda _, file: file.unlink(),
    "chmod 000": lambda _, file: file.chmod(0),
    "Maildir moved": in_maildir(lambda server, maildir: None),
    "Maildir is a symlink": in_maildir(lambda server, maildir: maildir.symlink_to(server.maildrops / "u0")),
    "Maildir is a file": in_maildir(lambda server, maildir: maildir.touch()),
}


def append(file: Path, octets: bytes) -> None:
    with file.open("ab") as end:
        end.write(octets)


def received(session: Session, original: bytes, what: str) -> str:
    """Reads a reply to RETR. With a terminator it is the message as it was listed, octet by octet."""
    reply = session.line()
    if not reply.startswith(b"+OK"):
        return "refused" if reply.startswith(b"-ERR") else "cut"
    message = session.message()
    if message is None:
        return "cut"
    must(message == wire(original), f"{what}: a wrong message with a terminator, {len(message)} octets: {message[-60:]!r}")
    return "whole"


def changed_while(arena: Arena, sending: bool) -> str:
    results: list[str] = []
    server = arena.serve(crowd=1, mail={"u0": [SECRET]})
    if not isinstance(server, Ours):
        raise Skipped("needs the Maildir")
    (server.maildrops / "secret").write_bytes(SECRET)
    name = INTRUDER.name
    mail = [letter(name, 1), letter(name, 2, 3_000_000), letter(name, 3)]
    for what, change in CHANGES.items():
        if arena.size == "tiny" and what not in ("a symlink to a secret", "a FIFO", "truncated", "removed"):
            continue
        if what == "chmod 000" and os.geteuid() == 0:
            continue
        for path in (server.maildir(name), server.home / "outside"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        server.deliver(name, mail)
        with server.logged_in(INTRUDER, window=4096, patient=True) as session:
            must(session.good("STAT").split()[1] == b"3", "STAT does not count 3 messages")
            file = server.files(name)[1]
            if sending:
                session.send(b"RETR 2\r\n")
                must(session.more(), f"{what}: no reply")
                change(server, file)
            else:
                change(server, file)
                session.send(b"RETR 2\r\n")
            result = received(session, mail[1], what)
            results.append(f"{what}: {result}")
            # The rest of the maildrop works, if the connection does, and QUIT tells the truth.
            gone = False
            if result != "cut":
                session.send(b"RETR 1\r\n")
                received(session, mail[0], f"{what}, the message before")
                if session.say("DELE 3").startswith(b"+OK"):
                    gone = session.say("QUIT").startswith(b"+OK")
        if what == "chmod 000":
            file.chmod(0o600)
        home = server.home / "outside" if what.startswith("Maildir") else server.maildir(name)
        left = [path.read_bytes() for sub in ("cur", "new") for path in (home / sub).iterdir() if path.is_file() and not path.is_symlink()]
        must(mail[0] in left, f"{what}: the message before is lost")
        must(gone != (mail[2] in left), f"{what}: the reply to QUIT said {'+OK' if gone else 'no +OK'}, and the message is {'there' if gone else 'gone'}")
        must(server.stored("u0") == [SECRET], f"{what}: mail of somebody else is missing")
        server.honest()
    return "; ".join(results)


@attack("a local user with a Maildir", "puts something else in the place of a listed message, or moves the whole Maildir, before RETR",
        "RETR sends the message as it was listed, or an error; it never hangs, follows no link, and QUIT tells the truth", "ours")
def files_that_changed_are_never_sent_as_listed(arena: Arena) -> str:
    return changed_while(arena, sending=False)


@attack("a local user with a Maildir", "the same while the message is being sent",
        "a terminator follows only the message as it was; otherwise the connection ends without one", "ours")
def files_that_change_while_they_are_sent_get_no_terminator(arena: Arena) -> str:
    return changed_while(arena, sending=True)


@attack("a local user with a Maildir", "fills the Maildir with links, FIFOs, sockets, directories and odd names",
        "only messages are listed, nothing hangs, and the odd files stay", "ours")
def odd_files_in_a_maildir_are_left_alone(arena: Arena) -> str:
    server = arena.serve(crowd=1, mail={"u0": [SECRET]})
    assert isinstance(server, Ours)
    name = INTRUDER.name
    mail = [letter(name, number) for number in range(1, 4)]
    server.deliver(name, mail)
    new = server.maildir(name) / "new"
    (new / "1.link").symlink_to(server.files("u0")[0])
    (new / "2.hanging").symlink_to("/nonexistent")
    (new / "3.zero").symlink_to("/dev/zero")
    (new / "4.loop").symlink_to("4.loop")
    (new / "5.directory").mkdir()
    os.mkfifo(new / "6.fifo")
    odd = [b"7.\n2026-01-01T00:00:00Z  INFO FORGED", b"8.\xff\xfe", b"9.%s%n", b"10." + b"x" * 240, b"11.a:2,DS", b"12.,S=1", b"13.,S=99999999999999999999"]
    for number, file in enumerate(odd):
        (new / os.fsdecode(file)).write_bytes(letter(name, 100 + number))
    everything = sorted(os.listdir(os.fsencode(new)))
    expected = counted([wire(message) for message in mail + [letter(name, 100 + number) for number in range(len(odd))]])
    with server.logged_in(INTRUDER) as session:
        count = int(session.good("STAT").split()[1])
        session.good("UIDL")
        uids = [line.split(b" ", 1)[1] for line in session.lines() or []]
        must(len(set(uids)) == count and all(1 <= len(uid) <= 70 and all(33 <= octet <= 126 for octet in uid) for uid in uids),
             f"bad unique-ids: {uids}")
        got = []
        for number in range(1, count + 1):
            session.good(f"RETR {number}")
            message = session.message()
            must(message is not None, "a message is cut")
            got.append(message or b"")
        must(not any(b"SECRET" in message for message in got), "the target of a link is sent")
        must(counted(got) == expected, f"{count} messages are listed, {sum(expected.values())} are there")
        session.good("QUIT")
    must(len(os.listdir(new)) + len(os.listdir(new.parent / "cur")) == len(everything), "a file is missing")
    return f"{len(everything)} files, {count} messages"
