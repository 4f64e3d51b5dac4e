"""Unusual messages, the octets that a POP3 server must send for each, and Maildirs that contain them.

Everything is deterministic: every run creates the same files, so a failure can be reproduced.
Run as a program, it writes the messages to a directory:  corpus.py DIRECTORY
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

# It can be run as a program.
sys.path.append(str(Path(__file__).resolve().parent.parent / "common"))

from maildir import make_maildir  # noqa: E402
from wire import wire  # noqa: E402

LONG_LINE = 100_000
LARGE = 20 * 1024 * 1024
SMALL_COUNT = 1000


@dataclass(frozen=True)
class Message:
    """One message: a name for reports, and the octets of its file."""

    name: str
    stored: bytes

    @cached_property
    def wire(self) -> bytes:
        return wire(self.stored)


def _texts() -> list[tuple[str, bytes]]:
    """The messages with LF as line end; `%s` in the header is filled with the message's name."""
    head = b"From: <alice@example.org>\nTo: <bob@example.org>\nSubject: %s\nX-Corpus: %s\n"
    every_octet = bytes(octet for octet in range(256) if octet not in b"\r\n\0")
    line = b"The quick brown fox jumps over the lazy dog, number %d of the test.\n"
    texts = [
        ("plain", head + b"\nHello.\n"),
        ("dots", head + b"\n.\n..\n...\n.a\n..a\n .\na.\n.\n.\n\n.\n"),
        ("first-octet-dot", b".Odd: the very first octet is a dot\n" + head + b"\n.\nbody\n"),
        ("first-octet-two-dots", b"..Odd: two of them\n" + head + b"\nbody\n"),
        ("dot-first-in-body", head + b"\n.\n"),
        ("no-final-newline", head + b"\nThe last line has no end"),
        ("no-final-newline-dot", head + b"\nThe last line is a dot\n."),
        ("headers-only", head),
        ("headers-only-no-newline", head + b"X-Last: no newline"),
        ("headers-and-blank-line", head + b"\n"),
        ("blank-lines", head + b"\n\n\n\nbody\n\n\n\n"),
        ("spaces", head + b"\n \n\t\n trailing \t \n"),
        ("from-lines", head + b"\nFrom here\n>From there\nFrom bob@example.org Thu Jan  1 00:00:00 2026\n"),
        ("latin1-body", head + b"\nSch\xf6ne Gr\xfc\xdfe\n"),
        ("utf8-body", head + b"\nSch\xc3\xb6ne Gr\xc3\xbc\xc3\x9fe \xe2\x82\xac\n"),
        ("every-octet", head + b"\n" + every_octet + b"\n" + every_octet[::-1] + b"\n"),
        ("status-like", head + b"\n+OK 12 octets\n-ERR no such message\n+ \n.\n+OK\nQUIT\n"),
        ("line-998", head + b"\n" + b"x" * 998 + b"\n." + b"y" * 997 + b"\n"),
        ("line-2000", head + b"\n" + b"z" * 2000 + b"\n"),
        ("dots-across-buffers", head + b"\n" + b"".join(b".%s\n" % (b"d" * (n % 97)) for n in range(3000))),
        ("only-dots", head + b"\n" + b".\n" * 20_000),
        ("empty-lines-across-buffers", head + b"\n" + b"\n" * 9_000 + b"end\n"),
        ("folded", head + b"X-Folded: one\n two\n\t.three\n\nbody\n"),
        ("page", head + b"\n" + b"".join(line % n for n in range(2000))),
    ]
    return texts


def _odd_texts() -> list[tuple[str, bytes]]:
    """NUL, CR and 8-bit octets in headers. Not every client preserves these."""
    head = b"From: <alice@example.org>\nSubject: %s\nX-Corpus: %s\n"
    return [
        ("nul", head + b"\nA NUL \0 here, and \0\0 here\n\0\n.\0\n"),
        ("bare-cr", head + b"\none\rtwo\r three\r\rfour\n.\rfive\n\rsix\n"),
        ("utf8-header", head + b"Comments: Gr\xc3\xbc\xc3\x9fe\n\nbody\n"),
        ("latin1-header", head + b"Comments: Gr\xfc\xdfe\n\nbody\n"),
        ("no-separator", b"This is no header at all (%s) (%s)\n.\nbut there is text.\n"),
        ("blank-line-first", b"\nX-Corpus: %s %s, behind a blank line\n"),
    ]


def _fill(name: str, text: bytes) -> bytes:
    """Inserts the name for the first two `%s`, wherever they are."""
    return text.replace(b"%s", name.encode(), 2)


def _both(texts: list[tuple[str, bytes]]) -> list[Message]:
    """Each text as a file with LF and as one with CRLF."""
    messages = []
    for name, text in texts:
        messages.append(Message(f"{name}-lf", _fill(f"{name}-lf", text)))
        messages.append(Message(f"{name}-crlf", _fill(f"{name}-crlf", text).replace(b"\n", b"\r\n")))
    return messages


def awkward() -> list[Message]:
    """Messages that every client must preserve, in files with LF and with CRLF."""
    mixed = b"From: <alice@example.org>\r\nX-Corpus: mixed\n\r\nLF\nCRLF\r\n.LF\n.CRLF\r\n\n\r\n.\n.\r\nend"
    return _both(_texts()) + [Message("mixed-line-ends", mixed)]


def odd() -> list[Message]:
    """Messages that some clients change: NUL, CR, 8-bit headers, no header."""
    cr_cr_lf = b"X-Corpus: cr-cr-lf\r\n\r\nCR CR LF\r\r\nthen LF\nthen CRLF\r\n"
    return _both(_odd_texts()) + [Message("cr-cr-lf", cr_cr_lf)]


def poison() -> list[Message]:
    """Messages that real servers and clients handle incorrectly: only a dot, and nothing at all."""
    return [
        Message("lone-dot-lf", b".\n"),
        Message("lone-dot-crlf", b".\r\n"),
        Message("lone-dot-no-newline", b"."),
        Message("dot-line-first", b".\nX-Corpus: dot-line-first\n\nbody\n"),
        Message("empty", b""),
        Message("newline", b"\n"),
    ]


def large() -> list[Message]:
    """A line of 100 000 octets, alone and among others, and a message of 20 MB."""
    head = b"From: <alice@example.org>\nX-Corpus: %s\n\n"
    line = (b"0123456789abcdef" * (LONG_LINE // 16 + 1))[:LONG_LINE]
    rows = b"".join(b"%07d:%s\n" % (n, b"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ./") for n in range(1000))
    rows = rows[:-1] + b"\n.\n..\n.end of a block\n"
    bulk = (rows * (LARGE // len(rows) + 1))[:LARGE]
    texts = [
        Message("long-line-lf", head.replace(b"%s", b"long-line-lf") + line + b"\nshort\n." + line + b"\n"),
        Message("long-line-crlf", (head.replace(b"%s", b"long-line-crlf") + line + b"\nshort\n").replace(b"\n", b"\r\n")),
        Message("20-mb-lf", head.replace(b"%s", b"20-mb-lf") + bulk),
        Message("20-mb-crlf", (head.replace(b"%s", b"20-mb-crlf") + bulk).replace(b"\n", b"\r\n")),
    ]
    return texts


def small(count: int = SMALL_COUNT) -> list[Message]:
    """Many small messages."""
    return [
        Message(f"small-{n}", b"Subject: small %d\nX-Corpus: small-%d\n\nNumber %d\n.\n" % (n, n, n))
        for n in range(1, count + 1)
    ]


def write_maildir(directory: Path, messages: list[Message], owner: tuple[int, int] | None = None) -> None:
    """Creates a Maildir with the messages, alternately in `new` and in `cur`, and gives it to the owner."""
    make_maildir(directory, owner)
    for number, message in enumerate(messages):
        write_message(directory, message, number, owner)


def write_message(directory: Path, message: Message, number: int, owner: tuple[int, int] | None = None) -> None:
    """Adds a message to a Maildir. The number determines its name and its time."""
    name = f"{1_700_000_000 + number}.M{number:06}P1.interop"
    path = directory / "cur" / f"{name}:2,S" if number % 2 else directory / "new" / name
    part = directory / "tmp" / name
    part.write_bytes(message.stored)
    os.utime(part, (1_700_000_000 + number, 1_700_000_000 + number))
    if owner:
        os.chown(part, *owner)
    part.rename(path)


SETS = {"awkward": awkward, "odd": odd, "poison": poison, "large": large, "small": small}


if __name__ == "__main__":
    target = Path(sys.argv[1])
    for set_name, make in SETS.items():
        made = make()
        write_maildir(target / set_name, made)
        (target / f"{set_name}.wire").mkdir(exist_ok=True)
        for entry in made:
            (target / f"{set_name}.wire" / entry.name).write_bytes(entry.wire)
