"""More commands than a client would send, and lines that never end."""

from __future__ import annotations

import select
import socket
import threading
import time

from arena import Arena, Ours, Server, letter
from basics import MIB, PATIENCE, Failed, attack, must
from session import Session


def pour(server: Server, session: Session, octets: bytes, most: int) -> int:
    """Sends the octets again and again, up to so many, until the server takes no more or closes."""
    sent, piece = 0, memoryview(octets * max(1, 65536 // len(octets)))
    # What waits in the system of the client was not read by the server.
    session.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    session.socket.setblocking(False)
    try:
        while sent < most and not server.given_up(lambda seconds: select.select([], [session.socket], [], seconds)[1]):
            # Cut at any place: the next piece goes on from there.
            sent += session.socket.send(piece[sent % len(octets) :])
    except OSError:
        pass
    finally:
        session.socket.settimeout(PATIENCE)
    return sent


def replies_to(session: Session, flood: bytes, times: int) -> bytes:
    """Sends the flood from a thread, and returns all that comes until the connection ends."""

    def send() -> None:
        session.send(flood * times)
        session.half_close()

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    rest = session.rest()
    session.close()
    sender.join(PATIENCE)
    return rest


def bounded(arena: Arena, floods: tuple[bytes, ...], times: int, most: int) -> str:
    """Sends each flood so often on a connection of its own. Fails if more than so many lines are answered."""
    server, worst = arena.serve(), 0
    for number, flood in enumerate(floods):
        with server.session(number) as session:
            lines = replies_to(session, flood, times).count(b"\n")
        must(lines <= most, f"{lines} answers to {flood[:20]!r}")
        worst = max(worst, lines)
        server.honest()
    return f"at most {worst} answers"


@attack("anyone who connects", "commands that do not exist, pipelined without end",
        "the connection ends after a few of them, whatever was sent behind")
def floods_of_bad_commands_end_the_connection(arena: Arena) -> str:
    floods = (b"X\r\n", b"\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"RETR 1\r\n", b"\xff\xfe\r\n", b"A" * 600 + b"\r\n")
    return bounded(arena, floods, 20_000 if arena.ours and arena.size != "tiny" else 500, 30)


@attack("anyone who connects", "AUTH exchanges that lead to nothing, pipelined without end",
        "the connection ends after a few of them; others log in")
def floods_of_exchanges_end_the_connection(arena: Arena) -> str:
    floods = (b"AUTH PLAIN\r\n*\r\n", b"AUTH PLAIN AAAA\r\n", b"AUTH SCRAM-SHA-256 AAAA\r\n", b"AUTH LOGIN\r\n=\r\n", b"AUTH NONE\r\n",
              b"AUTH PLAIN\r\n" + b"A" * 1000 + b"\r\n")
    return bounded(arena, floods, 5000 if arena.ours and arena.size != "tiny" else 200, 40)


@attack("users", "NOOP without end, without reading the answers",
        "the server stops to read while it cannot send; every command is answered once its client reads", "users")
def floods_of_commands_wait_for_their_reader(arena: Arena) -> str:
    server = arena.serve()
    assert server.intruder
    with server.logged_in(server.intruder, window=4096) as session:
        most = (16 if arena.size == "tiny" else 64) * MIB
        sent = pour(server, session, b"NOOP\r\n", most)
        must(sent < most, f"the server has read {sent // MIB} MiB of commands whose answers nobody reads")
        server.honest()
        # The last command may be cut.
        commands, cut = divmod(sent, 6)
        done = threading.Thread(target=session.send, args=((b"NOOP\r\n"[cut:] if cut else b"") + b"QUIT\r\n",), daemon=True)
        done.start()
        answers = session.rest().count(b"+OK")
        done.join(PATIENCE)
        expected = commands + (cut > 0) + 1
        must(answers == expected, f"{answers} answers to {expected} commands")
    return f"stops after {sent // 1024} KiB, {answers} answers"


@attack("users", "a thousand pipelined RETR of 20 MB, of which nothing is read",
        "no more than a piece of one message is in memory", "ours")
def requested_messages_do_not_pile_up(arena: Arena) -> str:
    server = arena.serve(mail={"mallory": [letter("mallory", 1, 20_000_000)]})
    assert server.intruder
    with server.logged_in(server.intruder, window=4096) as session:
        sent = pour(server, session, b"RETR 1\r\n", 8 * 1000)
        for _ in range(5):
            server.honest()
            time.sleep(0.1)
        session.reset()
    return f"{sent // 8} requests"


@attack("anyone who connects, and users", "lines without an end: as a command, within AUTH, after the login, of NUL, of base64",
        "little of the line is read, and nothing of it is kept")
def lines_without_an_end_are_not_kept(arena: Arena) -> str:
    server = arena.serve()
    most = 0
    octets = 64 * MIB if arena.ours and arena.size != "tiny" else 2 * MIB
    begins: list[tuple[bytes, bytes, bool]] = [
        (b"", b"A", False), (b"USER ", b"a", False), (b"AUTH PLAIN ", b"QUJD", False), (b"AUTH PLAIN\r\n", b"QUJD", False),
        (b"", b"\0", False), (b"", b"\r", False), (b"TOP 1 ", b"1", True), (b"RETR ", b"9", True), (b"X", b" ", True),
    ]
    for number, (begin, octet, within) in enumerate(begins):
        if within and not server.intruder:
            continue
        account = server.intruder
        session = server.logged_in(account, number, patient=True) if within and account else server.session(number)
        with session:
            session.send(begin)
            sent = pour(server, session, octet * 1000, octets)
            must(sent < octets, f"the server has read {octets // MIB} MiB of {begin + octet!r}...")
            most = max(most, sent)
            answers = session.rest().count(b"-ERR")
            must(answers <= 2, f"{answers} answers to one line")
        server.honest()
    return f"at most {most // 1024} KiB of a line left the client"


@attack("anyone who connects", "a line that is too long, with a command in its tail",
        "the tail is never taken for a command")
def the_tail_of_a_long_line_is_no_command(arena: Arena) -> str:
    server = arena.serve()
    tried = 0
    for length in (250, 255, 256, 500, 512, 1000, 1022, 1023, 1024, 1025, 2040, 2048, 4096, 8192, 16384, 65530, 65536):
        for inner in (b"CAPA", b"\rCAPA", b"\0CAPA", b" CAPA"):
            with server.session(tried) as session:
                session.send(b"NOOP " + b"x" * (length - 5) + inner + b"\r\nQUIT\r\n")
                said = session.rest()
            if b"\r\n.\r\n" in said or b"UIDL" in said:
                raise Failed(f"a line of {length} octets has run its tail {inner!r}: {said[:100]!r}")
            tried += 1
        server.honest()
    return f"{tried} lines"


@attack("users", "every command at once, with arguments that are too large, negative, or no numbers",
        "each gets one answer, nothing is removed, and the session goes on", "users")
def odd_numbers_are_refused_one_by_one(arena: Arena) -> str:
    mail = [letter("mallory", number) for number in range(1, 4)]
    server = arena.serve(mail={"mallory": mail})
    assert server.intruder
    numbers = ["0", "-1", "+1", "4294967297", "18446744073709551617", "9" * 200, "1.0", "0x1", "1e0", "\u0661", "1\0", "NaN", "%d", "1;2"]
    commands = [f"{command} {number}" for command in ("LIST", "UIDL", "RETR", "DELE", "TOP 1", "TOP") for number in numbers
                # All lines of a message are fewer than any number.
                if command != "TOP 1" or not (number.isascii() and number.isdigit())]
    bad = 0
    while commands:
        with server.logged_in(server.intruder, patient=True) as session:
            # A server may end the connection after some bad commands in a row.
            while commands:
                reply = session.say(commands[0].encode("utf-8"))
                if not reply:
                    break
                must(reply.startswith(b"-ERR"), f"{commands[0]!r}: {reply!r}")
                commands.pop(0)
                bad += 1
                if bad % 4 == 0 and not session.say("NOOP").startswith(b"+OK"):
                    break
            session.say("RSET")
            session.say("QUIT")
    if isinstance(server, Ours):
        must(server.stored("mallory") == mail, "a message is missing")
    return f"{bad} bad commands"
