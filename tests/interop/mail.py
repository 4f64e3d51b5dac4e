"""Random messages, and the names of their files."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Mail:
    """The octets of a message, the size fields in its file's name, and its flags if it is in `cur`."""

    octets: bytes
    sizes: str = ""
    flags: str | None = None


def random_mail(rng: random.Random, name: str) -> Mail:
    octets = _random_octets(rng, name)
    # As Dovecot and Courier write it: the size of the file, and the size with CRLF line ends.
    on_the_wire = len(octets) + octets.count(b"\n") - octets.count(b"\r\n")
    sizes = f",S={len(octets)}" + rng.choice(["", f",W={on_the_wire}"])
    return Mail(octets, sizes if rng.random() < 0.3 else "", rng.choice([None, None, "", "S", "FS", "RS", "T", "D"]))


def _random_octets(rng: random.Random, name: str) -> bytes:
    special = rng.random()
    if special < 0.03:
        return rng.choice([b"", b"\n", b"\r\n", b".", b".\n", b".\r\n", b"\r", b"..", b"\n\n", b".\n.\n", b"\0"])
    ends = rng.choice([(b"\n",), (b"\n",), (b"\r\n",), (b"\n", b"\r\n")])
    lines = [b"Subject: " + name.encode()]
    for _ in range(rng.choice([0, 0, 1, 2, 5])):
        lines.append(rng.choice([b"From: <a@example.org>", b"X-Folded: one\n two", b"X-8: Gr\xfc\xdfe", b"X-Empty:", b".X-Dot: yes",
                                 b"X-Long: " + b"y" * rng.randint(1, 2000), b"\tfolded", b"no header", b"X-Nul: \0"]))
    rng.shuffle(lines)
    if rng.random() < 0.04:
        lines.insert(0, rng.choice([b".", b"..", b".first", b"", b"From someone Thu Jan  1 00:00:00 2026"]))
    if rng.random() < 0.92:
        lines.append(b"")
        for _ in range(rng.choice([0, 0, 1, 2, 3, 5, 10, 40])):
            lines.append(_body_line(rng))
        if rng.random() < 0.03:
            lines += [b"The quick brown fox jumps over the lazy dog %d" % n for n in range(rng.randint(500, 4000))]
    text = b"".join(line + rng.choice(ends) for line in lines)
    if rng.random() < 0.2:
        text = text.removesuffix(b"\n").removesuffix(b"\r")
    return text


def _body_line(rng: random.Random) -> bytes:
    return rng.choice([
        b"", b".", b"..", b"...", b".dot", b". ", b"text", b"trailing ", b"+OK", b"-ERR no", b"QUIT", b"From here", b"\t",
        b"a\0b", b"\0", b"\xff\xfe", b"Gr\xc3\xbc\xc3\x9fe", b"a\rb", b"\r", b"x\r", b".\r", b"z" * rng.randint(900, 9000),
        bytes(rng.choice([octet for octet in range(256) if octet != 10]) for _ in range(rng.randint(1, 60))),
    ])
