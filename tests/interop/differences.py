"""The known differences between Dovecot's replies and ours. Each has a row of the same name in docs/differences.md.

A difference that no entry explains fails the test, so each condition is as narrow as possible.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from contest import Case, capabilities, content_of, numbers_of
from dialogue import CLOSED, Reply

# How a session goes on after a difference: as usual; after RSET, because the marks may differ; or not at all.
GO_ON, RSET, END = "go on", "rset", "end"
NUMBERED = (b"LIST", b"UIDL", b"RETR", b"DELE", b"TOP")
# From this length on, `pop3 serve` refuses a line.
LONG_LINE = 1024


@dataclass(frozen=True)
class Difference:
    """A difference: its name, when it explains a case, and how the session goes on."""

    name: str
    explains: Callable[[Case], bool]
    then: str = GO_ON


def refused(reply: Reply) -> bool:
    """Whether the reply is negative and has no response code."""
    return reply.status == "-ERR" and not reply.code


def surplus(case: Case) -> bool:
    return case.line.keyword in (b"STAT", b"NOOP", b"RSET", b"CAPA", b"QUIT", b"STLS") and len(case.words) > 1 and \
        case.dovecot.is_positive and refused(case.ours)


def nul(case: Case) -> bool:
    return b"\0" in case.line.line and case.dovecot.is_positive and refused(case.ours)


def space_after_number(case: Case) -> bool:
    pattern = rb"(?i)(?:(?:LIST|UIDL|RETR|DELE) +[0-9]+|TOP +[0-9]+ +[0-9]+) +"
    return bool(re.fullmatch(pattern, case.line.line)) and refused(case.dovecot) and case.ours.is_positive


def huge_count(case: Case) -> bool:
    words = case.words
    return case.line.keyword == b"TOP" and len(words) == 3 and words[2].isdigit() and int(words[2]) > 2**64 - 1 and \
        refused(case.dovecot) and case.ours.is_positive


def no_name(case: Case) -> bool:
    """USER without a name, or a password for it."""
    names = [line for line in case.before if line.keyword == b"USER"]
    if case.line.keyword == b"PASS" and names and not names[-1].arguments.strip(b" "):
        return case.dovecot.code == "AUTH" and refused(case.ours)
    return case.line.keyword == b"USER" and len(case.words) == 1 and case.dovecot.is_positive and refused(case.ours)


def padded_name(case: Case) -> bool:
    names = [line.line for line in case.before if line.keyword == b"USER"]
    return case.line.keyword == b"PASS" and bool(names) and bool(re.match(rb"....  |.* $", names[-1])) and \
        case.dovecot.code == "AUTH" and case.ours.is_positive


def xclient(case: Case) -> bool:
    return case.line.keyword == b"XCLIENT" and case.dovecot.is_positive and refused(case.ours) and not case.ours_in


def auth_code(case: Case) -> bool:
    """Dovecot blames the credentials for a response that is malformed, or for a mechanism that does not exist."""
    malformed = case.line.role == "refused" or case.line.line.upper().strip(b" ") == b"PASS"
    return malformed and case.dovecot.status == "-ERR" and case.dovecot.code == "AUTH" and refused(case.ours)


def auth_spaces(case: Case) -> bool:
    return bool(re.fullmatch(rb"(?i)AUTH  +PLAIN", case.line.line)) and case.dovecot.lines is not None and case.ours.status == "+"


def bad_before_login(case: Case) -> bool:
    if case.dovecot_in:
        return False
    said = b"Too many invalid bad commands."
    return case.dovecot.text == said or (case.dovecot.status == CLOSED and (case.dovecot_bad >= 3 or case.dovecot_last.text == said))


def bad_after_login(case: Case) -> bool:
    return case.dovecot_in and case.ours.status == CLOSED and case.ours_bad >= 20 and case.dovecot.status == "-ERR"


def long_line_closes(case: Case) -> bool:
    """Dovecot closes. The replies to lines that came just before can get lost with the connection."""
    return case.dovecot.status == CLOSED and any(len(line.octets) > LONG_LINE for line in [*case.before[-4:], *case.step.lines])


def long_line_accepted(case: Case) -> bool:
    return len(case.line.octets) > LONG_LINE and case.dovecot.is_positive and refused(case.ours)


def first_dot(case: Case) -> bool:
    message = case.message
    return case.line.keyword in (b"RETR", b"TOP") and message is not None and message.startswith(b".") and \
        b"." + case.dovecot.unstuffed == case.ours.unstuffed


def empty_message(case: Case) -> bool:
    return case.line.keyword in (b"RETR", b"TOP") and case.message == b"" and case.dovecot.lines == (b"\r\n",) and case.ours.lines == ()


def unfinished(message: bytes) -> int:
    """How many octets Dovecot does not count: those of the CRLF that ends an unfinished last line."""
    return 2 if message and not message.endswith(b"\n") else 0


def size(case: Case) -> bool:
    """The sizes differ by the CRLF that both add to an unfinished last line, and by nothing else."""
    if not (case.dovecot.is_positive and case.ours.is_positive):
        return False
    if case.line.keyword == b"STAT":
        missing = sum(unfinished(one) for number, one in enumerate(case.messages, 1) if number not in case.marked)
        (count, octets), (our_count, our_octets) = numbers_of(case.dovecot), numbers_of(case.ours)
        return missing > 0 and count == our_count and int(octets) + missing == int(our_octets)
    if case.line.keyword != b"LIST":
        return False
    rows, our_rows = ([numbers_of(one)] if one.lines is None else content_of(b"LIST", one) for one in (case.dovecot, case.ours))
    return len(rows) == len(our_rows) and all(
        number == our_number and int(octets) + unfinished(case.messages[int(number) - 1]) == int(our_octets)
        for (number, octets), (our_number, our_octets) in zip(rows, our_rows)
    )


def vanished(case: Case) -> bool:
    return case.line.keyword in (b"RETR", b"TOP") and case.number in case.gone and case.dovecot.status == "-ERR" and \
        not case.dovecot.code and (case.ours.status, case.ours.code) == ("-ERR", "SYS/TEMP")


def failed_logins(case: Case) -> bool:
    return case.ours.status == CLOSED and case.dovecot.status != CLOSED and not case.ours_in and case.failures >= 3


DIFFERENCES = (
    Difference("bad-commands-before-login", bad_before_login, END),
    Difference("bad-commands-after-login", bad_after_login, END),
    Difference("long-line-closes", long_line_closes, END),
    Difference("nul-in-line", nul, RSET),
    Difference("long-line-accepted", long_line_accepted),
    Difference("surplus-argument", surplus, RSET),
    Difference("space-after-number", space_after_number, RSET),
    Difference("huge-line-count", huge_count),
    Difference("user-without-name", no_name),
    Difference("space-after-name", padded_name, END),
    Difference("xclient", xclient),
    Difference("auth-code-for-malformed", auth_code),
    Difference("auth-with-two-spaces", auth_spaces, END),
    Difference("first-dot", first_dot),
    Difference("empty-message", empty_message),
    Difference("size-without-line-end", size),
    Difference("vanished-message", vanished),
    Difference("failed-logins", failed_logins, END),
)
# These are found in the reply to CAPA, where there can be several.
CAPA_LISTED = "capa-lists-capa"
CAPA_AFTER_LOGIN = "capa-after-login"
# These are more than a different reply to a line; see contest.py.
APART = ("stls-injected", "second-session")
NAMES = (*(one.name for one in DIFFERENCES), CAPA_LISTED, CAPA_AFTER_LOGIN, *APART)


def explain(case: Case) -> tuple[list[str], str] | None:
    """The differences that explain the case, and how the session goes on; None if nothing explains it."""
    if case.line.keyword == b"CAPA" and case.dovecot.lines is not None and case.ours.lines is not None:
        return explain_capabilities(case)
    for one in DIFFERENCES:
        if one.explains(case):
            then = END if one.then == RSET and not case.ours_in and case.line.keyword in (b"STLS", b"QUIT", b"USER", b"PASS") else one.then
            return [one.name], then if then != RSET or (case.ours_in and case.dovecot_in) else GO_ON
    return None


def explain_capabilities(case: Case) -> tuple[list[str], str] | None:
    dovecot, ours = capabilities(case.dovecot), capabilities(case.ours)
    names = []
    if b"CAPA" in dovecot:
        del dovecot[b"CAPA"]
        names.append(CAPA_LISTED)
    if case.ours_in and {b"USER", b"SASL"} <= ours.keys() - dovecot.keys():
        del ours[b"USER"], ours[b"SASL"]
        names.append(CAPA_AFTER_LOGIN)
    return (names, GO_ON) if names and dovecot == ours else None
