"""Plays a story on two servers at once and compares their replies, and what they leave in their Maildirs."""

from __future__ import annotations

import re
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from dialogue import CLOSED, Dialogue, Hangs, Reply
from stories import PASSWORD, Line, Step, Story
from twins import Ends, Server, Twins


class Differs(Exception):
    """A difference that the table does not explain, with both transcripts."""


@dataclass
class Case:
    """Two replies to one line that are not the same, and what is known at this point."""

    line: Line
    dovecot: Reply
    ours: Reply
    # Whether each server has accepted a login.
    dovecot_in: bool
    ours_in: bool
    # The lines before, the last one at the end; and the messages, in the order of their numbers.
    before: list[Line]
    messages: list[bytes]
    marked: set[int]
    # Which of them another program has removed during the session.
    gone: set[int]
    # How many lines in a row each server has refused, and how many logins ours has.
    dovecot_bad: int
    ours_bad: int
    failures: int
    # Dovecot's reply to the line before.
    dovecot_last: Reply
    step: Step

    @property
    def words(self) -> list[bytes]:
        return [word for word in self.line.line.split(b" ") if word]

    @property
    def number(self) -> int | None:
        """The message number in the line, if there is one in its simplest form."""
        words = self.words
        return int(words[1]) if len(words) > 1 and re.fullmatch(rb"[0-9]{1,9}", words[1]) else None

    @property
    def message(self) -> bytes | None:
        number = self.number
        return self.messages[number - 1] if number and number <= len(self.messages) else None


class Explains(Protocol):
    """Finds the difference in the table: the names, and what to do afterwards: `go on`, `rset` or `end`."""

    def __call__(self, case: Case) -> tuple[list[str], str] | None: ...


def same_reply(case: Case) -> bool:
    """Whether two replies mean the same. Texts are for people, and are not compared."""
    one, other = case.dovecot, case.ours
    if (one.status, one.code) != (other.status, other.code) or (one.lines is None) != (other.lines is None):
        return False
    keyword = case.line.keyword
    if one.lines is not None:
        return content_of(keyword, one) == content_of(keyword, other)
    if one.is_positive and keyword in (b"STAT", b"LIST", b"LAST") and case.ours_in:
        return numbers_of(one) == numbers_of(other)
    if one.is_positive and keyword == b"UIDL" and case.ours_in:
        return numbers_of(one)[:1] == numbers_of(other)[:1]
    return True


def numbers_of(reply: Reply) -> list[bytes]:
    return reply.text.split()[:2]


def content_of(keyword: bytes, reply: Reply) -> object:
    """The content of a multi-line reply in a form that two servers share."""
    if keyword == b"CAPA":
        return capabilities(reply)
    if keyword == b"UIDL":
        return [line.split()[0] for line in reply.lines or ()]
    if keyword == b"LIST":
        return [line.split()[:2] for line in reply.lines or ()]
    if keyword == b"AUTH":
        return sorted(line.strip().upper() for line in reply.lines or ())
    return reply.unstuffed


def capabilities(reply: Reply) -> dict[bytes, list[bytes]]:
    words = [line.upper().split() for line in reply.lines or ()]
    return {line[0]: sorted(line[1:]) for line in words if line}


@dataclass
class Score:
    """What a run has seen."""

    sessions: int = 0
    lines: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        seen = ", ".join(f"{count} {name}" for name, count in self.seen.most_common())
        return f"{self.sessions} sessions with {self.lines} lines; differences: {seen or 'none'}"


class Contest:
    """The two servers, and how a difference is explained."""

    def __init__(self, dovecot: Server, ours: Server, context: ssl.SSLContext, explains: Explains, owner: tuple[int, int],
                 damage: Callable[[Path], None] | None = None) -> None:
        self.servers = (dovecot, ours)
        self.ends = (
            Ends(dovecot.log, rb"pop3\(([eu][0-9]+)\)<.*: Info: (?:Disconnected|Logged out)"),
            Ends(ours.log, rb' session .* user="([eu][0-9]+)"'),
        )
        self.context = context
        self.explains = explains
        # Who owns Dovecot's Maildirs.
        self.owner = owner
        # What is done to our Maildir after each session, to test the test.
        self.damage = damage

    def play(self, told: Story, score: Score) -> None:
        """Plays one story. Raises `Differs` at the first unexplained difference."""
        twins = Twins(self.servers, told.user, self.owner)
        if told.litter:
            twins.litter()
        ids: list[dict[str, bytes]] = [{}, {}]
        for turn, session in enumerate(told.sessions):
            for message in session.delivered:
                twins.deliver(message)
            SessionPlay(self, told, turn, twins, ids, score).play()
            score.sessions += 1


class SessionPlay:
    """One session, in progress on both servers."""

    def __init__(self, contest: Contest, told: Story, turn: int, twins: Twins, ids: list[dict[str, bytes]], score: Score) -> None:
        self.contest = contest
        self.told = told
        self.turn = turn
        self.session = told.sessions[turn]
        self.twins = twins
        self.ids = ids
        self.score = score
        contents = twins.contents()
        self.names, self.messages = list(contents), list(contents.values())
        self.logged_in = [False, False]
        self.before: list[Line] = []
        self.marked: set[int] = set()
        self.gone: set[int] = set()
        self.bad = [0, 0]
        self.failures = 0
        self.dovecot_last = Reply(CLOSED)
        self.differences: list[str] = []
        self.both: list[Dialogue] = []

    def play(self) -> None:
        seed = self.told.seed
        # Each session has its own address, because `pop3 serve` slows down addresses with failed logins.
        kind = 9 if self.told.user.startswith("e") else 10
        self.source = f"127.{kind + seed // 60000 % 200}.{seed // 250 % 240}.{seed % 250 + 1}"
        try:
            is_tls = self.session.mode == "tls"
            for name, server in zip(("dovecot", "ours"), self.contest.servers):
                port = server.tls if is_tls else server.plain
                context = self.contest.context
                self.both.append(Dialogue(name, port, self.source, context if is_tls else None, context))
            self.compare(Line(b"(greeting)\r\n", "greeting"), Step("send"))
            for step in self.session.steps:
                if not self.step(step):
                    break
            else:
                self.finish("the end of the session")
        except Hangs as late:
            self.fail(str(late))
        finally:
            for one in self.both:
                one.close()
        for ends, logged_in in zip(self.contest.ends, self.logged_in):
            if logged_in:
                ends.wait(self.told.user)
        self.compare_maildirs()
        self.score.seen.update(self.differences)

    def step(self, step: Step) -> bool:
        """Does one step on both. Returns whether the session goes on."""
        if step.action == "tls":
            for one in self.both:
                one.begin_tls()
            return True
        if step.action in ("cut", "reset"):
            for one in self.both:
                one.send(step.fragment, [])
                one.cut(step.action == "reset")
            return False
        if step.action == "rival":
            self.rival()
            return True
        if step.action in ("vanish", "rename", "deliver"):
            self.meddle(step)
            return True
        octets = b"".join(line.octets for line in step.lines)
        for one in self.both:
            one.send(octets, list(step.pieces))
            if step.action == "half-close":
                one.half_close()
        then = "go on"
        for line in step.lines:
            self.score.lines += 1
            if line.role == "injected":
                return self.injected()
            then = max(then, self.compare(line, step), key=["go on", "rset", "end"].index)
            if then == "end":
                break
            if line.role == "quit" and self.quits(line):
                self.finish("QUIT")
                return False
        if then == "end":
            for one in self.both:
                one.cut(reset=False)
            return False
        if step.action == "half-close":
            self.finish("the end of the client's octets")
            return False
        if then == "rset":
            return self.step(Step("send", (Line(b"RSET\r\n", "resynchronisation"),)))
        return True

    def meddle(self, step: Step) -> None:
        """Another program changes both Maildirs in the same way during the session."""
        if step.message:
            self.twins.deliver(step.message)
            what = "a message arrives"
        elif 0 < step.number <= len(self.names):
            name = self.names[step.number - 1]
            if step.action == "vanish":
                self.twins.remove(name)
                self.gone.add(step.number)
            else:
                self.twins.rename(name)
            what = f"another program {'removes' if step.action == 'vanish' else 'renames'} message {step.number}"
        else:
            return
        for one in self.both:
            one.note(f"-- {what}")

    def rival(self) -> None:
        """A second session of the same user begins and ends, during this one."""
        replies = []
        for index, server in enumerate(self.contest.servers):
            rival = Dialogue(self.both[index].name, server.plain, self.source, None, self.contest.context)
            lines = [b"(greeting)", b"USER " + self.told.user.encode(), b"PASS " + PASSWORD.encode(), b"QUIT"]
            rival.send(b"".join(line + b"\r\n" for line in lines[1:]), [])
            replies.append([rival.reply(line) for line in lines][2])
            rival.close()
            self.both[index].note(f"-- a second session: {replies[-1]}")
            if replies[-1].is_positive:
                self.contest.ends[index].wait(self.told.user)
        if replies[0].is_positive and (replies[1].status, replies[1].code) == ("-ERR", "IN-USE"):
            self.differences.append("second-session")
        elif (replies[0].status, replies[0].code) != (replies[1].status, replies[1].code):
            self.fail(f"to a second session, Dovecot replied {replies[0]}, ours {replies[1]}")

    def injected(self) -> bool:
        """Octets came after STLS and before the handshake. No server may treat them as a command within TLS."""
        outcomes = []
        for one in self.both:
            try:
                one.begin_tls()
            except OSError as refused:
                # The octets were taken for a part of the handshake, or the server has closed for that reason.
                one.note(f"   (no TLS: {refused})")
                one.close()
                outcomes.append(False)
                continue
            one.send(b"NOOP\r\nQUIT\r\n", [])
            replies = [one.reply(b"NOOP").status, one.reply(b"QUIT").status]
            if one.rest() or replies not in (["-ERR", "+OK"], [CLOSED, CLOSED]):
                self.fail(f"{one.name} has executed what came before TLS")
            outcomes.append(CLOSED not in replies)
        if outcomes[0] != outcomes[1]:
            self.differences.append("stls-injected")
        return False

    def quits(self, line: Line) -> bool:
        return line.line.upper().strip(b" ") == b"QUIT"

    def finish(self, when: str) -> None:
        """Both must close now, and send nothing more."""
        dovecot, ours = (one.rest() for one in self.both)
        if dovecot != ours:
            self.fail(f"after {when}, Dovecot sent {dovecot[:80]!r}, ours {ours[:80]!r}")

    def compare(self, line: Line, step: Step) -> str:
        """Reads both replies to a line. Returns how to go on."""
        replies = []
        for index, one in enumerate(self.both):
            # Dovecot ends a line at a NUL, reads no mechanism after two spaces, and does not stuff a dot in the first octet.
            text = re.sub(rb"(?i)^(AUTH)  .*", rb"\1", line.line.split(b"\0")[0]) if index == 0 else line.line
            replies.append(one.reply(text, index == 0 and self.begins_with_dot(line)))
        case = Case(line, *replies, *self.logged_in, self.before[:], self.messages, set(self.marked), set(self.gone),
                    *self.bad, self.failures, self.dovecot_last, step)
        then = "go on"
        if not same_reply(case):
            found = self.contest.explains(case)
            if found is None:
                self.fail(f"to {line.octets[:200]!r}, Dovecot replied {_both(replies[0])}, ours {_both(replies[1])}")
            self.differences += found[0]
            for one in self.both:
                one.note(f"   (known difference: {', '.join(found[0])})")
            then = found[1]
        self.learn(line, replies)
        if CLOSED in (replies[0].status, replies[1].status) and then != "end":
            if replies[0].status == replies[1].status:
                return "end"
            self.fail("only one has closed, and the session would go on")
        if self.logged_in[0] != self.logged_in[1] and then != "end":
            self.fail(f"only one has accepted a login, by {line.octets!r}")
        return then

    def begins_with_dot(self, line: Line) -> bool:
        if line.keyword not in (b"RETR", b"TOP"):
            return False
        number = re.match(rb"[A-Za-z]+ +0*([0-9]{1,6})(?![0-9])", line.line)
        return bool(number) and 0 < int(number[1]) <= len(self.messages) and self.messages[int(number[1]) - 1].startswith(b".")

    def learn(self, line: Line, replies: list[Reply]) -> None:
        """Follows the state of the session."""
        self.before.append(line)
        self.dovecot_last = replies[0]
        for index, reply in enumerate(replies):
            if reply.is_positive and line.role in ("login", "refused") and reply.lines is None:
                self.logged_in[index] = True
        ours = replies[1]
        self.bad = [0 if reply.is_positive else bad + 1 for reply, bad in zip(replies, self.bad)]
        if ours.status == "-ERR" and ours.code == "AUTH":
            self.failures += 1
        if not all(self.logged_in):
            return
        if ours.is_positive and replies[0].is_positive and line.keyword == b"DELE":
            self.marked.add(int(line.line.split()[1]))
        if line.keyword == b"RSET" and ours.is_positive:
            self.marked.clear()
        if line.keyword == b"UIDL":
            for index, reply in enumerate(replies):
                self.unique_ids(index, line, reply)

    def unique_ids(self, index: int, line: Line, reply: Reply) -> None:
        """Unique-ids stay the same in each session, and no two are equal."""
        if not reply.is_positive:
            return
        rows = [reply.text.split()[:2]] if reply.lines is None else [row.split() for row in reply.lines]
        known = self.ids[index]
        for row in rows:
            name = self.names[int(row[0]) - 1]
            if known.setdefault(name, row[1]) != row[1]:
                self.fail(f"{self.both[index].name}: the unique-id of {name} was {known[name]!r}, and is {row[1]!r}")
        if len(set(known.values())) != len(known):
            self.fail(f"{self.both[index].name}: two messages have one unique-id, after {line.octets!r}")

    def compare_maildirs(self) -> None:
        if self.contest.damage:
            self.contest.damage(self.contest.servers[1].maildir(self.told.user))
        dovecot, ours = self.twins.hashes()
        if dovecot != ours:
            only = [sorted(set(one.items()) - set(other.items())) for one, other in ((dovecot, ours), (ours, dovecot))]
            self.fail(f"the Maildirs differ; only Dovecot has {only[0]}, only ours has {only[1]}")

    def fail(self, text: str) -> None:
        parts = [f"seed {self.told.seed}, session {self.turn + 1}, {self.session.mode}: {text}"]
        for one in self.both:
            parts += [f"--- {one.name}", *one.transcript]
        raise Differs("\n".join(parts))


def _both(reply: Reply) -> str:
    return f"{reply} {reply.text[:80]!r}"
