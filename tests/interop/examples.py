"""An example of each known difference: a session that shows it."""

from __future__ import annotations

from mail import Mail
from stories import PASSWORD, Line, Session, Step, Story, encoded, example_user

DOT = Mail(b".Subject: dot\n\ntext\n")
DOTS = Mail(b"Subject: dots\n\n.\n..\ntext\n")
EMPTY = Mail(b"")
PLAIN = Mail(b"Subject: plain\n\ntext\n")
UNFINISHED = Mail(b"Subject: unfinished\n\ntext")


def sent(*lines: bytes) -> Step:
    return Step("send", tuple(Line(line + b"\r\n", "quit" if line == b"QUIT" else "") for line in lines))


def example(name: str) -> Story:
    """The example of this difference."""
    number = list(EXAMPLES).index(name)
    user = example_user(number)
    login = [sent(b"USER " + user.encode()), Step("send", (Line(f"PASS {PASSWORD}\r\n".encode(), "login"),))]
    mail, before, after = EXAMPLES[name]
    steps = [*before, *(login if after is not None else []), *(after or [])]
    return Story(number, user, [Session("plain", steps, mail)])


def control(number: int) -> Story:
    """A session that shows no difference, and in which each planted fault shows."""
    user = example_user(1000 + number)
    steps = [
        wrong(user), sent(b"USER " + user.encode()), Step("send", (Line(f"PASS {PASSWORD}\r\n".encode(), "login"),)),
        sent(b"STAT", b"LIST", b"UIDL", b"UIDL 1"), sent(b"RETR 1"), sent(b"TOP 2 5", b"DELE 9"),
        Step("send", (Line(b"QUIT\r\n", "quit"), Line(b"NOOP\r\n", "after"))),
    ]
    return Story(1000 + number, user, [Session("plain", steps, [PLAIN, DOTS])])


def wrong(user: str) -> Step:
    return Step("send", (Line(b"AUTH PLAIN " + encoded("", user, "wrong") + b"\r\n", "login"),))


def role(line: bytes, of: str) -> Step:
    return Step("send", (Line(line + b"\r\n", of),))


QUIT = sent(b"QUIT")
# For each difference: the maildrop, the steps before the login, and those after it if there is one.
EXAMPLES: dict[str, tuple[list[Mail], list[Step], list[Step] | None]] = {
    "surplus-argument": ([PLAIN], [], [sent(b"NOOP x"), sent(b"STAT x"), sent(b"RSET x"), QUIT]),
    "space-after-number": ([PLAIN], [], [sent(b"LIST 1 "), sent(b"TOP 1 0 "), sent(b"DELE 1 "), QUIT]),
    "nul-in-line": ([PLAIN], [], [sent(b"DELE 1\0"), sent(b"NOOP\0x"), QUIT]),
    "huge-line-count": ([PLAIN], [], [sent(b"TOP 1 18446744073709551616"), QUIT]),
    "user-without-name": ([], [sent(b"USER")], [QUIT]),
    "space-after-name": ([], [sent(b"USER " + example_user(5).encode() + b" "), role(f"PASS {PASSWORD}".encode(), "login")], None),
    "capa-lists-capa": ([], [sent(b"CAPA")], [QUIT]),
    "capa-after-login": ([], [], [sent(b"CAPA"), QUIT]),
    "xclient": ([], [sent(b"XCLIENT ADDR=192.0.2.1")], [QUIT]),
    "auth-code-for-malformed": ([], [role(b"AUTH XYZZY", "refused"), role(b"AUTH PLAIN !", "refused"), sent(b"QUIT")], None),
    "auth-with-two-spaces": ([], [role(b"AUTH  PLAIN", "auth")], None),
    "bad-commands-before-login": ([], [sent(b"X"), sent(b"X"), sent(b"X"), sent(b"X"), sent(b"NOOP")], None),
    "bad-commands-after-login": ([], [], [sent(b"X") for _ in range(21)]),
    "long-line-closes": ([], [], [sent(b"X" * 5000), sent(b"NOOP")]),
    "long-line-accepted": ([], [], [sent(b"NOOP " + b"x" * 1500), QUIT]),
    "stls-injected": ([], [Step("send", (Line(b"STLS\r\n", "stls"), Line(b"NOOP\r\n", "injected")))], None),
    "first-dot": ([DOT], [], [sent(b"RETR 1"), sent(b"TOP 1 0"), QUIT]),
    "empty-message": ([EMPTY], [], [sent(b"RETR 1"), QUIT]),
    "size-without-line-end": ([UNFINISHED], [], [sent(b"STAT"), sent(b"LIST"), sent(b"LIST 1"), QUIT]),
    "vanished-message": ([PLAIN], [], [Step("vanish", number=1), sent(b"RETR 1"), QUIT]),
    "second-session": ([PLAIN], [], [Step("rival"), sent(b"STAT"), QUIT]),
    "failed-logins": ([], [wrong(example_user(21)), wrong(example_user(21)), wrong(example_user(21)), sent(b"NOOP")], None),
}
