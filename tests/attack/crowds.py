"""Many connections that do nothing, or do it very slowly."""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import ssl
import time
from collections.abc import Iterator

from arena import INTRUDER, KEPT, Account, Arena, Ours, Server, letter, wire
from basics import PATIENCE, Failed, attack, must
from session import Session, trusting

# The server needs three descriptors for an idle session, and so many for itself.
PER_SESSION, OWN = 3, 100


def room(wanted: int, per_client: int = 1) -> int:
    """How many connections the limit of open files allows here, at most so many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # The server keeps a twelfth for itself.
    return min(wanted, (hard * 11 // 12 - OWN) // per_client)


@contextlib.contextmanager
def held() -> Iterator[list[Session]]:
    """A list of sessions that are closed in the end."""
    sessions: list[Session] = []
    try:
        yield sessions
    finally:
        for session in sessions:
            session.close()


def hello() -> bytes:
    """A ClientHello."""
    outgoing = ssl.MemoryBIO()
    handshake = trusting().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        handshake.do_handshake()
    return outgoing.read()


def limits(count: int, timeouts: tuple[str, ...] = KEPT) -> tuple[str, ...]:
    """Options for so many connections."""
    return ("--max-connections", str(count), "--max-connections-per-ip", str(count), *timeouts)


@attack("anyone who connects, and users", "thousands of sessions that log in and then do nothing",
        "others are served; a session takes a few KiB; all is given back when they leave", "ours")
def idle_sessions_cost_little_and_keep_nobody_out(arena: Arena) -> str:
    wanted = arena.many(250, 9000)
    count = room(wanted, PER_SESSION) - 20
    server = arena.serve(*limits(count + 20), crowd=count)
    assert isinstance(server, Ours)
    with held() as sessions:
        for number in range(count):
            sessions.append(server.logged_in(Account(f"u{number}", INTRUDER.password), number))
            if number % 1000 == 500:
                server.honest()
        server.honest()
        server.watch.sample()
        # All of them are still there.
        for session in sessions[:: max(1, count // 50)]:
            session.good("NOOP")
    each = (server.watch.peak.memory - server.watch.before.memory) / count
    fewer = f" ({wanted} would need more open files than the limit allows)" if count < wanted - 20 else ""
    return f"{count} sessions{fewer}, {each / 1024:.1f} KiB each"


@attack("anyone who connects", "more connections than the server accepts, from many addresses, which stay silent",
        "others log in: a connection without a login gives way")
def silent_connections_from_many_addresses_give_way(arena: Arena) -> str:
    places = arena.many(200, 1000)
    server = arena.serve("--max-connections", str(places))
    count = room(arena.many(600, 9000))
    with held() as connections:
        for number in range(count):
            # With as many addresses as places, an attacker can keep others out (docs/security.md, Not promised).
            connections.append(server.raw(number % (places * 3 // 4)))
            if number % (count // 4) == count // 8:
                server.honest()
        for _ in range(3):
            server.honest()
    return f"{count} connections"


@attack("anyone who connects", "handshakes that stop after no octet, half a ClientHello, or all of it",
        "others are served, and what was kept for the handshakes is given back", "tls")
def half_open_handshakes_keep_nobody_out(arena: Arena) -> str:
    server = arena.serve(*limits(3000))
    begin, count = hello(), arena.many(150, 1500)
    with held() as connections:
        for number in range(count):
            connection = server.raw(number, tls=number % 2 == 0)
            connections.append(connection)
            if number % 2:
                connection.line()
                must(connection.say("STLS").startswith(b"+OK"), "STLS is refused")
            connection.send(begin[: (0, len(begin) // 2, len(begin))[number % 3]])
        server.honest()
        with server.session("127.200.200.1" if server.loopback else None, tls=True) as session:
            session.good("QUIT")
    return f"{count} handshakes"


@attack("anyone who connects", "a ClientHello that arrives one octet at a time, on many connections",
        "others are served meanwhile, and the handshake either goes on or ends the connection", "tls")
def hellos_that_drip_keep_nobody_out(arena: Arena) -> str:
    server = arena.serve(*limits(3000))
    begin, count = hello(), arena.many(40, 400)
    with held() as connections:
        connections += [server.raw(number, tls=True) for number in range(count)]
        for at in range(len(begin)):
            for connection in connections:
                connection.send(begin[at : at + 1])
            if at % 200 == 100:
                server.honest()
        # The server has understood each of them.
        for connection in connections:
            must(connection.more(), "the server says nothing to a whole ClientHello")
    return f"{count} connections, {len(begin)} octets each"


@attack("anyone who connects", "commands that arrive one octet at a time, on hundreds of connections",
        "others are served meanwhile, and slow clients too")
def slow_senders_are_served_and_delay_nobody(arena: Arena) -> str:
    server = arena.serve(*limits(3000))
    count = arena.many(100, 600)
    text = b"CAPA\r\nUSER nobody\r\nQUIT\r\n"
    with held() as sessions:
        sessions += [server.session(number) for number in range(count)]
        for at in range(len(text)):
            for session in sessions:
                session.send(text[at : at + 1])
            if at % 8 == 4:
                server.honest()
        for session in sessions:
            must(session.line().startswith(b"+OK") and session.lines() is not None, "no reply to CAPA that came slowly")
            session.line()
            must(session.line().startswith(b"+OK"), "no reply to QUIT that came slowly")
    return f"{count} connections, one octet at a time"


@attack("users", "hundreds of sessions that each request 20 MB, and read nothing or a little at a time",
        "messages are never in memory as a whole; a client that reads on gets every octet", "ours")
def slow_readers_get_every_octet_and_take_no_memory(arena: Arena) -> str:
    count, octets = arena.many(40, 300), 20_000_000 if arena.long else 3_000_000
    server = arena.serve(*limits(3000), crowd=count)
    assert isinstance(server, Ours)
    big = letter("crowd", 1, octets)
    server.deliver("u0", [big])
    first = server.files("u0")[0]
    for number in range(1, count):
        os.link(first, server.maildir(f"u{number}") / "new" / first.name)
    expected = hashlib.sha256(wire(big)).digest()
    with held() as sessions:
        for number in range(count):
            # The second one reads all of it in the end. With a small buffer, that would take long.
            session = server.logged_in(Account(f"u{number}", INTRUDER.password), number, window=None if number == 1 else 8192)
            sessions.append(session)
            session.send(b"RETR 1\r\n")
        server.honest()
        # Half of them read some octets, again and again.
        for _ in range(5):
            for session in sessions[::2]:
                session.socket.recv(100)
            server.honest()
        server.watch.sample()
        session = sessions[1]
        must(session.line().startswith(b"+OK"), "RETR is refused")
        message = session.message()
        must(message is not None and hashlib.sha256(message).digest() == expected, "a slow reader has received something else")
    return f"{count} sessions of {octets // 1_000_000} MB"


@attack("anyone who connects", "connections that come and go as fast as they can, from many addresses",
        "others are served meanwhile, and nothing is left of them")
def connections_that_come_and_go_leave_nothing(arena: Arena) -> str:
    server = arena.serve()
    count = arena.many(600, 20000)
    for number in range(count):
        connection = server.raw(number)
        if number % 3 == 0:
            connection.reset()
        elif number % 3 == 1:
            connection.send(b"QUIT\r\n")
            connection.close()
        else:
            connection.close()
        if number % (count // 4) == count // 8:
            server.honest()
    return f"{count} connections"


@attack("anyone who connects", "connections that stay silent, or keep talking, without a login",
        "they end after the login timeout, however busy they are", "ours")
def connections_without_a_login_end_in_time(arena: Arena) -> str:
    server: Server = arena.serve(*limits(3000, ("--login-timeout", "3")))
    count = arena.many(30, 300)
    with held() as sessions:
        sessions += [server.session(number) for number in range(count)]
        begun, dripping = time.monotonic(), sessions[: count // 2]
        while dripping:
            if time.monotonic() > begun + PATIENCE:
                raise Failed(f"{len(dripping)} connections are still there after {PATIENCE:.0f} s")
            # The server has closed it, or will read the octet.
            dripping = [session for session in dripping if session.send(b"C")]
            time.sleep(0.05)
        for session in sessions[count // 2 :]:
            must(not session.rest().startswith(b"+OK"), "an answer to silence")
    return f"{count} connections ended"
