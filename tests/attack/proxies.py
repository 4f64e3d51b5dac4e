"""Someone who pretends to be a proxy."""

from __future__ import annotations

import socket
import struct

from arena import Arena, Ours
from basics import attack, must
from session import Session

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def version2(address: str, command: int = 0x21, length: int | None = None, more: bytes = b"") -> bytes:
    """A PROXY header of version 2."""
    addresses = socket.inet_aton(address) + socket.inet_aton("127.0.0.1") + struct.pack("!HH", 4711, 110) + more
    return SIGNATURE + bytes([command, 0x11]) + struct.pack("!H", len(addresses) if length is None else length) + addresses


@attack("someone who pretends to be a proxy", "PROXY headers of both versions, and XCLIENT, from an address that is no proxy",
        "they are bad commands; the log and the limits keep the address of the connection")
def forged_proxies_are_not_believed(arena: Arena) -> str:
    server = arena.serve("--proxy-from", "192.0.2.0/24", "--xclient-from", "192.0.2.0/24")
    forged = [b"PROXY TCP4 192.0.2.1 192.0.2.2 1 110\r\n", b"PROXY UNKNOWN\r\n", b"XCLIENT ADDR=192.0.2.1 LOGIN=root\r\n",
              version2("192.0.2.1"), version2("192.0.2.1", 0x20)]
    for number, octets in enumerate(forged):
        with server.session(number) as session:
            session.send(octets + b"\r\nSTAT\r\nQUIT\r\n")
            lines = session.rest().splitlines()
        # QUIT also ends the signature of version 2, with a bare LF.
        must(all(line.startswith(b"-ERR") for line in lines[:-1]), f"{octets[:20]!r} is not refused: {lines}")
    if isinstance(server, Ours):
        must("192.0.2." not in server.said().replace("192.0.2.0/24", ""), "a forged address is in the log")
    return f"{len(forged)} headers"


def begun(session: Session, where: str) -> None:
    """Fails if a session begins. It would then wait for a command. Otherwise the connection ends."""
    with session:
        said = session.line()
        must(not said.startswith(b"+OK"), f"a session begins {where}: {said[:80]!r}")
        session.rest()


@attack("someone behind a proxy, or a broken proxy", "headers that are too long, cut, silent, wrong, or come one octet at a time",
        "no session begins, and the connection ends in a bounded time; others are served", "ours")
def broken_headers_of_a_proxy_begin_no_session(arena: Arena) -> str:
    server = arena.serve("--proxy-from", "127.10.0.0/16")
    broken = [b"PROXY TCP4 " + b"1" * 5000, b"PROXY TCP4 1.2.3.4 1.2.3.4 1 110 x\r\n", b"PROXY TCP9 a b c d\r\n", b"PROXY TCP4 ::1 ::1 1 1\r\n",
              b"PROXY TCP4 1.2.3.4 1.2.3.4 99999 110\r\n", b"proxy TCP4 1.2.3.4 1.2.3.4 1 110\r\n", b"PROXY TCP4 1.2.3.4\0 1.2.3.4 1 110\r\n",
              b"PROXY TCP4 1.2.3.4 1.2.3.4 1 110\n", b"USER olivia\r\n", b"CAPA\r\n", version2("192.0.2.1", 0x31), version2("192.0.2.1", 0x2f),
              version2("192.0.2.1", length=3), version2("192.0.2.1", length=65535) + b"x" * 70000, SIGNATURE[:8] + b"x" * 20,
              version2("192.0.2.1", more=b"\x20\xff\xff\x01"), b"\x16\x03\x01\x02\x00\x01", b"\0" * 300]
    waiting = []
    for number, octets in enumerate(broken):
        session = server.raw(number)
        session.send(octets)
        waiting.append((octets, session))
    # Silent, and one octet at a time: they end by time alone.
    silent = [server.raw(100 + number) for number in range(arena.many(5, 100))]
    server.honest()
    for octets, session in waiting:
        begun(session, f"behind {octets[:30]!r}")
    for session in silent:
        session.send(b"P")
    for session in silent:
        begun(session, "without a header")
    server.honest()
    return f"{len(broken) + len(silent)} connections"
