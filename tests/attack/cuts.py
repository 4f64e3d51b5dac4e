"""Connections that end at any place."""

from __future__ import annotations

import random
import socket

from arena import INTRUDER, Arena, Ours, counted, letter
from basics import attack, must
from session import Session

# What a client does before it disappears, and what the server does not complete then. `...` reads a part of the reply.
STEPS: list[tuple[str, list[bytes]]] = [
    ("before the greeting", []),
    ("within USER", [b"US"]),
    ("behind USER", [b"USER mallory\r\n"]),
    ("behind PASS", [b"USER mallory\r\n", b"PASS " + INTRUDER.password.encode() + b"\r\n"]),
    ("within AUTH", [b"AUTH PLAIN\r\n"]),
    ("within a handshake", [b"STLS\r\n", b"\x16\x03\x01\x02\x00\x01"]),
]
LOGGED_IN: list[tuple[str, list[bytes]]] = [
    ("behind the login", []),
    ("within LIST", [b"LIST\r\n" * 50]),
    ("within RETR", [b"RETR 1\r\n"]),
    ("within TOP", [b"TOP 1 100000\r\n" * 3]),
    ("behind DELE", [b"DELE 2\r\n"]),
    ("behind all DELE", [b"DELE 1\r\nDELE 2\r\nDELE 3\r\n"]),
    ("within QUIT", [b"DELE 2\r\n", b"QUIT"]),
    ("with QUIT but no line end", [b"DELE 2\r\n", b"QUIT\r"]),
    ("within NOOP behind DELE", [b"DELE 2\r\n", b"NOOP\r\nNOO"]),
    ("with RSET behind DELE", [b"DELE 2\r\n", b"RSET\r\nQUIT"]),
]


def cut(session: Session, how: str) -> None:
    if how == "RST":
        session.reset()
    elif how == "half":
        # The client still reads.
        session.half_close()
        session.rest()
        session.close()
    else:
        session.close()


@attack("someone who cuts the connection", "RST, FIN, or the end of one direction at every step of a session",
        "nothing is removed, and the next login finds no lock", "ours")
def cut_connections_remove_nothing(arena: Arena) -> str:
    mail = [letter(INTRUDER.name, 1, 400_000), letter(INTRUDER.name, 2), letter(INTRUDER.name, 3)]
    server = arena.serve("--max-connections-per-ip", "1000", mail={INTRUDER.name: mail})
    assert isinstance(server, Ours)
    tried = 0
    for how in ("RST", "FIN", "half"):
        for what, octets in STEPS + LOGGED_IN:
            for wait in (False, True) if arena.long else (tried % 2 == 0,):
                inside = (what, octets) in LOGGED_IN
                session = server.logged_in(INTRUDER, tried, 4096, patient=True) if inside else server.raw(tried)
                for piece in octets:
                    session.send(piece)
                    if wait and piece.endswith(b"\n"):
                        session.more()
                cut(session, how)
                tried += 1
        # No lock remains, and all is there.
        with server.logged_in(INTRUDER, patient=True) as session:
            must(session.good("STAT").split()[1] == b"3", f"{how}: a message is missing")
            session.good("QUIT")
        must(counted(server.stored(INTRUDER.name)) == counted(mail), f"{how}: a message is missing")
        server.honest()
    return f"{tried} connections"


@attack("someone who cuts the connection", "RST right behind QUIT, while many messages are removed",
        "each message is whole or gone, none that was not marked is touched, and the next login works", "ours")
def a_reset_within_a_commit_leaves_whole_messages(arena: Arena) -> str:
    rounds, count = arena.many(3, 50), 300
    server = arena.serve()
    assert isinstance(server, Ours)
    mail = [letter(INTRUDER.name, number) for number in range(1, count + 1)]
    removed = []
    for number in range(rounds):
        for file in server.files(INTRUDER.name):
            file.unlink()
        server.deliver(INTRUDER.name, mail)
        with server.logged_in(INTRUDER, number, patient=True) as session:
            session.send(b"".join(b"DELE %d\r\n" % one for one in range(1, count, 2)))
            for _ in range(1, count, 2):
                must(session.line().startswith(b"+OK"), "DELE is refused")
            session.send(b"QUIT\r\n")
            if number % 2:
                for _ in range(random.randrange(2000)):
                    pass
            session.reset()
        with server.logged_in(INTRUDER, patient=True) as session:
            left = int(session.good("STAT").split()[1])
            session.good("QUIT")
        stored = counted(server.stored(INTRUDER.name))
        must(sum(stored.values()) == left, f"STAT counts {left} of {sum(stored.values())} messages")
        must(stored <= counted(mail), "a message has changed")
        must(counted(mail[1::2]) <= stored, "a message that was not marked is missing")
        removed.append(count - left)
    return f"{rounds} commits of {count // 2} messages; removed: {', '.join(str(one) for one in removed[:10])}"


@attack("someone who cuts the connection", "the end of TLS without close_notify, or in the middle of a record, behind DELE",
        "nothing is removed", "ours", "tls")
def cut_tls_removes_nothing(arena: Arena) -> str:
    mail = [letter(INTRUDER.name, number) for number in range(1, 4)]
    server = arena.serve(mail={INTRUDER.name: mail})
    assert isinstance(server, Ours)
    tried = 0
    for octets in (b"", b"QUIT", b"QUIT\r", b"NOOP\r\nQUI"):
        for how in ("RST", "FIN"):
            with server.session(tried, tls=True) as session:
                while not session.log_in(INTRUDER.name, INTRUDER.password).startswith(b"+OK"):
                    session.close()
                    session = server.session(tried, tls=True)
                must(session.good("STAT").split()[1] == b"3", "a message is missing")
                session.good("DELE 1")
                if octets:
                    session.send(octets)
                plain = Session(socket.socket(fileno=session.socket.detach()))
                # Half a record, in which QUIT might be.
                plain.send(b"\x17\x03\x03\x00\x17" + b"x" * 5)
                cut(plain, how)
                tried += 1
    with server.logged_in(INTRUDER, patient=True) as session:
        must(session.good("STAT").split()[1] == b"3", "a message is missing")
        session.good("QUIT")
    must(counted(server.stored(INTRUDER.name)) == counted(mail), "a message is missing")
    return f"{tried} connections"
