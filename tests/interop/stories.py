"""What the differential test does, made from a seed: a maildrop, and some sessions on it.

A session is a list of steps. Everything is decided before the first connection, so a seed always means the same.
"""

from __future__ import annotations

import base64
import random
import re
from dataclasses import dataclass, field

from dialogue import random_pieces
from mail import Mail, random_mail

PASSWORD = "secret-Pa55"
# How many failed logins a session may have: each one takes seconds, because `pop3 serve` slows down guessing.
MOST_FAILURES = 2


@dataclass(frozen=True)
class Line:
    """A line that the client sends. `role` says what it is for."""

    octets: bytes
    role: str = ""

    @property
    def line(self) -> bytes:
        """The line without its line end."""
        return self.octets.removesuffix(b"\n").removesuffix(b"\r")

    @property
    def keyword(self) -> bytes:
        return self.line.split(b" ")[0].upper()

    @property
    def arguments(self) -> bytes:
        return self.line.partition(b" ")[2]


@dataclass(frozen=True)
class Step:
    """Lines that are sent together, cut into pieces; then a reply is read for each. Or something done to the connection.

    `action` is `send`, `tls` (the handshake after a positive reply), `half-close`, `cut`, or `reset`; or what another program
    does: `deliver`, `vanish`, `rename`, or `rival` (a second session of the same user).
    """

    action: str
    lines: tuple[Line, ...] = ()
    pieces: tuple[int, ...] = ()
    # An unfinished line that is sent before the connection is cut.
    fragment: bytes = b""
    # What another program does, and to which message.
    number: int = 0
    message: Mail | None = None


@dataclass
class Session:
    """The steps of a session, and the messages that are delivered before it."""

    mode: str
    steps: list[Step]
    delivered: list[Mail] = field(default_factory=list)


@dataclass
class Story:
    seed: int
    user: str
    sessions: list[Session]
    # Whether the Maildir also contains files that are no messages.
    litter: bool = False


def story(seed: int) -> Story:
    rng = random.Random(f"story {seed}")
    user = user_of(seed)
    number = rng.choice([0, 1, 1, 2, 3, 4, 5, 6, 8, 12])
    sessions = []
    for turn in range(rng.randint(1, 4)):
        count = number if turn == 0 else rng.choice([0, 0, 1, 2])
        messages = [random_mail(rng, f"m{turn}-{n}") for n in range(count)]
        sessions.append(Session("", [], messages))
    most = 0
    for session in sessions:
        most += len(session.delivered)
        SessionMaker(rng, user, most).fill(session)
    return Story(seed, user, sessions, rng.random() < 0.1)


def user_of(seed: int) -> str:
    return f"u{seed}"


def example_user(number: int) -> str:
    """The user of an example, who has no seed."""
    return f"e{number}"


# Sessions


def is_divisive(line: Line) -> bool:
    """Whether a line is so unusual that one server may execute it, or close the connection, and the other may not."""
    if len(line.octets) > 1000:
        return True
    return bool(re.match(rb"(?i)\s*(DELE|RSET|QUIT)", line.line)) and not re.fullmatch(rb"(?i)DELE [1-9][0-9]{0,3}|RSET|QUIT", line.line)


def encoded(*words: str) -> bytes:
    return base64.b64encode("\0".join(words).encode())


class SessionMaker:
    """Makes the steps of a session."""

    def __init__(self, rng: random.Random, user: str, most: int) -> None:
        self.rng = rng
        self.user = user
        # How many messages there can be.
        self.most = most
        self.failures = 0
        self.steps: list[Step] = []
        self.is_tls = False

    def fill(self, session: Session) -> None:
        rng = self.rng
        session.mode = rng.choice(["plain", "plain", "plain", "stls", "tls"])
        self.is_tls = session.mode == "tls"
        session.steps = self.steps
        self.strangers(rng.choice([0, 0, 0, 1, 2, 3, 5]))
        if session.mode == "stls":
            self.stls()
            self.strangers(rng.choice([0, 0, 1]))
        if rng.random() < 0.02:
            # More bad commands than a server puts up with.
            self.group([self.end(b"XYZ%d" % n) for n in range(14)])
        if rng.random() < 0.05:
            self.ending(in_transaction=False)
            return
        self.login()
        if rng.random() < 0.02:
            self.group([self.end(b"XYZ%d" % n) for n in range(22)])
        lines: list[Line] = []
        for _ in range(rng.choice([1, 3, 6, 10, 15, 25])):
            lines.append(self.transaction())
            # Some lines together, some alone. Nothing follows a line that may have different effects.
            if rng.random() < 0.6 or is_divisive(lines[-1]):
                self.group(lines)
                if len(lines[-1].octets) > 1000:
                    # One server may close after a long line. This must be known before QUIT is sent.
                    self.group([Line(b"NOOP\r\n")])
                lines = []
                if rng.random() < 0.02:
                    self.meddle()
        self.group(lines)
        self.ending(in_transaction=True)

    def group(self, lines: list[Line]) -> None:
        if lines:
            pieces = random_pieces(self.rng, b"".join(line.octets for line in lines))
            if any(line.keyword == b"AUTH" and line.line.endswith(b" ") for line in lines):
                # If the line end comes later, Dovecot takes it for another line.
                pieces = []
            self.steps.append(Step("send", tuple(lines), tuple(pieces)))

    def end(self, line: bytes, role: str = "") -> Line:
        """The line with its line end, rarely an unusual one."""
        return Line(line + (b"\n" if self.rng.random() < 0.03 else b"\r\n"), role)

    def ending(self, in_transaction: bool) -> None:
        rng = self.rng
        last = [self.transaction() for _ in range(rng.choice([0, 0, 1, 3]))] if in_transaction else []
        last = [line for line in last if not is_divisive(line)]
        end = rng.choice(["quit", "quit", "quit", "quit", "more", "half-close", "half-close-quit", "cut", "reset", "fragment"])
        if self.is_tls and end.startswith("half-close"):
            # TLS has no half-closed connections that all peers support.
            end = "quit"
        if end == "quit":
            self.group([*last, self.end(rng.choice([b"QUIT", b"QUIT", b"quit", b"Quit "]), "quit")])
        elif end == "more":
            more = [self.end(rng.choice([b"NOOP", b"STAT", b"RSET", b"DELE 1", b"QUIT", b"XYZ", b""]), "after") for _ in range(3)]
            self.steps.append(Step("send", (*last, self.end(b"QUIT", "quit"), *more)))
        elif end.startswith("half-close"):
            if end == "half-close-quit" or not last:
                last.append(self.end(b"QUIT", "quit"))
            self.steps.append(Step("half-close", tuple(last)))
        else:
            self.group(last)
            fragment = rng.choice([b"QUI", b"QUIT", b"QUIT\r", b"DELE 1", b"QUIT ", b"\0"]) if end == "fragment" else b""
            self.steps.append(Step("cut" if end == "cut" or rng.random() < 0.5 else "reset", fragment=fragment))

    def stls(self) -> None:
        rng = self.rng
        if rng.random() < 0.1:
            # Octets that follow STLS before the handshake: a server must not believe them.
            self.group([self.end(b"STLS", "stls"), self.end(rng.choice([b"CAPA", b"USER x", b"QUIT", b"NOOP"]), "injected")])
        else:
            self.group([self.end(rng.choice([b"STLS", b"STLS", b"stls"]), "stls")])
        self.steps.append(Step("tls"))
        self.is_tls = True

    # Before the login

    def strangers(self, count: int) -> None:
        """Lines before the login that do not log in."""
        rng = self.rng
        for _ in range(count):
            choice = rng.random()
            if choice < 0.12 and self.failures < MOST_FAILURES:
                self.failures += 1
                self.failed_login()
            elif choice < 0.25:
                self.strange_auth()
            elif choice < 0.35:
                self.group([self.bad_line()])
            elif choice < 0.4 and self.is_tls:
                self.group([self.end(b"STLS", "stls-again")])
            else:
                words = [b"CAPA", b"CAPA", b"capa", b"NOOP", b"STAT", b"LIST", b"LIST 1", b"RETR 1", b"DELE 1", b"RSET", b"UIDL",
                         b"TOP 1 0", b"LAST", b"USER " + self.user.encode(), b"USER other", b"PASS early", b"AUTH", b"CAPA x",
                         b"USER", b"USER ", b"PASS", b"APOP", b"APOP a b", b"XCLIENT", b"UTF8", b"LANG", b"STLS x", b"AUTH ",
                         b"APOP u c4c9334bac560ecc979e58001b3e22fb"]
                word = rng.choice(words)
                if word == b"PASS early" or (word == b"STLS x" and self.is_tls):
                    # A name may be known, so this may be a wrong password.
                    if self.failures >= MOST_FAILURES:
                        continue
                    self.failures += 1
                self.group([self.end(word)])

    def failed_login(self) -> None:
        rng, user = self.rng, self.user
        wrong = rng.choice(["wrong", PASSWORD + "x", PASSWORD.upper(), "x" * 200])
        choice = rng.randrange(6)
        if choice == 0:
            self.maybe_together([self.end(b"USER " + user.encode()), self.end(b"PASS " + wrong.encode(), "login")])
        elif choice == 1:
            self.maybe_together([self.end(b"USER nobody"), self.end(b"PASS " + PASSWORD.encode(), "login")])
        elif choice == 2:
            self.group([self.end(b"AUTH PLAIN " + encoded("", user, wrong), "login")])
        elif choice == 3:
            self.maybe_together([self.end(b"AUTH PLAIN", "auth"), self.end(encoded("", user, wrong), "login")])
        elif choice == 4:
            self.group([self.end(b"AUTH PLAIN " + encoded("other", user, PASSWORD), "login")])
        else:
            self.maybe_together([self.end(b"AUTH LOGIN", "auth"), self.end(encoded(user), "auth"), self.end(encoded(wrong), "login")])

    def strange_auth(self) -> None:
        """Exchanges of AUTH that come to nothing."""
        rng = self.rng
        lines = rng.choice([
            [b"AUTH PLAIN", b"*"], [b"AUTH LOGIN", b"*"], [b"AUTH LOGIN", encoded(self.user), b"*"], [b"auth plain", b"*"],
            [b"AUTH PLAIN", b"!!!!"], [b"AUTH PLAIN", b"QUIT"], [b"AUTH PLAIN !!!!"], [b"AUTH PLAIN *"], [b"AUTH XYZZY"],
            [b"AUTH GSSAPI"], [b"AUTH CRAM-MD5"], [b"AUTH PL@IN"], [b"AUTH PLAIN ="], [b"AUTH PLAIN", b""], [b"AUTH PLAIN", b"="],
            [b"AUTH PLAIN", b"AA=A"], [b"AUTH PLAIN AGEAYg== x"], [b"AUTH PLAIN", encoded("", self.user)], [b"AUTH  PLAIN", b"*"],
            [b"AUTH PLAIN ", b"*"], [b"AUTH PLAIN", b" *"],
        ])
        roles = ["auth"] * (len(lines) - 1) + ["refused"]
        # Most count as failures of the login on one server or the other.
        if self.failures < MOST_FAILURES:
            self.failures += 1
            self.maybe_together([self.end(line, role) for line, role in zip(lines, roles)])

    def maybe_together(self, lines: list[Line]) -> None:
        if self.rng.random() < 0.3:
            self.group(lines)
        else:
            for line in lines:
                self.group([line])

    def login(self) -> None:
        user, word = self.user.encode(), PASSWORD.encode()
        choice = self.rng.randrange(12)
        if choice < 4:
            lines = [self.end(b"USER " + user), self.end(b"PASS " + word, "login")]
        elif choice == 4:
            lines = [self.end(b"user " + user), self.end(b"pass " + word, "login")]
        elif choice == 5:
            lines = [self.end(b"USER other"), self.end(b"USER " + user), self.end(b"PASS " + word, "login")]
        elif choice == 6:
            lines = [self.end(b"AUTH PLAIN " + encoded("", self.user, PASSWORD), "login")]
        elif choice == 7:
            lines = [self.end(b"AUTH PLAIN " + encoded(self.user, self.user, PASSWORD), "login")]
        elif choice == 8:
            lines = [self.end(b"AUTH PLAIN", "auth"), self.end(encoded("", self.user, PASSWORD), "login")]
        elif choice == 9:
            lines = [self.end(b"AUTH LOGIN", "auth"), self.end(encoded(self.user), "auth"), self.end(encoded(PASSWORD), "login")]
        elif choice == 10:
            lines = [self.end(b"AUTH LOGIN " + encoded(self.user), "auth"), self.end(encoded(PASSWORD), "login")]
        else:
            lines = [self.end(b"USER " + user), self.end(b"CAPA"), self.end(b"PASS " + word, "login")]
            if self.rng.random() < 0.3:
                lines = [self.end(self.rng.choice([b"USER  " + user, b"USER " + user + b" "])), self.end(b"PASS " + word, "login")]
        self.maybe_together(lines)

    # After the login

    def number(self) -> bytes:
        rng = self.rng
        if rng.random() < 0.75 and self.most:
            return b"%d" % rng.randint(1, self.most)
        return rng.choice([b"0", b"-1", b"+1", b"01", b"0001", b"%d" % (self.most + 1), b"99999", b"4294967295", b"4294967296", b"4294967297",
                           b"18446744073709551617", b"1" * 60, b"1.0", b"0x1", b"x", b"1x", b"'1'", b"1,2", b"\xb2", b"1\0", b"", b"*"])

    def count(self) -> bytes:
        rng = self.rng
        if rng.random() < 0.8:
            return b"%d" % rng.choice([0, 0, 1, 2, 3, 5, 10, 50, 1000])
        return rng.choice([b"-1", b"+1", b"007", b"2147483648", b"4294967296", b"18446744073709551616", b"9" * 40, b"x", b"1x", b""])

    def transaction(self) -> Line:
        rng = self.rng
        if rng.random() < 0.08:
            return self.bad_line()
        verb = rng.choice(["STAT", "LIST", "LIST n", "UIDL", "UIDL n", "RETR n", "RETR n", "RETR n", "DELE n", "DELE n", "DELE n", "TOP n k", "TOP n k",
                           "RSET", "NOOP", "LAST", "CAPA", "other"])
        if verb == "other":
            return self.end(rng.choice([b"USER x", b"PASS x", b"APOP a b", b"AUTH", b"AUTH PLAIN", b"STLS", b"XCLIENT A=1", b"UTF8", b"LANG",
                                        b"LANG *", b"RETR", b"DELE", b"TOP", b"TOP 1", b"RETR ", b"DELE "]))
        line = verb.encode()
        line = line.replace(b"n", self.number(), 1) if b" n" in line else line
        line = line[:-1] + self.count() if verb.endswith(" k") else line
        return self.end(self.mangled(line))

    def meddle(self) -> None:
        """Another program changes the Maildir during the session."""
        rng = self.rng
        action = rng.choice(["vanish", "rename", "deliver", "rival"])
        if action == "deliver":
            self.steps.append(Step(action, message=random_mail(rng, "late")))
        elif action == "rival":
            self.steps.append(Step(action))
        elif self.most:
            number = rng.randint(1, self.most)
            self.steps.append(Step(action, number=number))
            for line in rng.choice([[b"RETR %d"], [b"TOP %d 0"], [b"DELE %d"], [b"LIST %d", b"RETR %d"], [b"RETR %d", b"DELE %d"], []]):
                self.group([Line(line % number + b"\r\n")])

    def mangled(self, line: bytes) -> bytes:
        """The line in another case, with surplus spaces, or with surplus arguments; mostly unchanged."""
        rng = self.rng
        if rng.random() < 0.8:
            return line
        return rng.choice([
            line.lower(), line.title(), line + b" ", line + b"  ", b" " + line, line.replace(b" ", b"  "), line + b" x", line + b" 1",
            line.replace(b" ", b"\t"), line + b"\t", line + b"\0", line + b"\xff", line + b"\r", line.replace(b" ", b"\r", 1), line + b" " * 200,
        ])

    def bad_line(self) -> Line:
        rng = self.rng
        return self.end(rng.choice([
            b"", b"", b" ", b"\t", b"XYZZY", b"XYZZY 1", b"HELO example.org", b"GET / HTTP/1.0", b"NOO", b"NOOPS", b"\0", b"NOOP\0", b"\0NOOP",
            b"\xff\xfe", b"STA\xd4", b"\r", b"NOOP\rNOOP", b"*", b".", b"+OK", b"STAT" + b" " * 250, b"X" * 254, b"X" * 300, b"X" * 900,
            b"X" * 1100, b"NOOP " + b"y" * 1500, b"X" * 5000, b"X" * 20000,
        ]), "bad")
