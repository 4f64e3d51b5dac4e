"""Compares the ledger with what is stored at the end. Only the order of events that were seen decides, never how long they took."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass

from ledger import NEVER, Ledger, Session


@dataclass(frozen=True)
class Stored:
    """A message that is in the store at the end: its owner, unique-id if it can be seen there, number if it is one of ours, and the digest of its octets."""

    user: str
    uid: str | None
    number: int | None
    digest: str


class Judge:
    """What is wrong, one line for each fault."""

    def __init__(self, ledger: Ledger, stored: list[Stored], calm: bool = False) -> None:
        self.ledger, self.stored, self.calm = ledger, stored, calm
        self.faults = list(ledger.faults)
        # Which message a unique-id names. Both of them are for ever.
        self.number_of: dict[tuple[str, str], int] = {}
        self.uid_of: dict[int, str] = {}
        self.by_user: dict[str, list[Session]] = defaultdict(list)
        for session in ledger.sessions:
            self.by_user[session.user].append(session)
        # When a message was removed at the earliest, and when that was certain.
        self.gone_first: dict[tuple[str, str], float] = {}
        self.gone_surely: dict[tuple[str, str], float] = {}

    def run(self) -> list[str]:
        for one in self.stored:
            self._stored(one)
        for session in self.ledger.sessions:
            for uid, number in session.fetched.items():
                self._named(session.user, uid, number)
            self._removed(session)
            if self.calm and session.reply and session.end != "committed":
                self._fault(f"{session.user}: nothing was disturbed, and QUIT is answered {session.reply!r}")
        for session in self.ledger.sessions:
            self._sizes(session)
        for user, sessions in self.by_user.items():
            self._one_at_a_time(user, sessions)
            self._seen(user, sessions)
        self._all_there()
        return self.faults

    def _fault(self, text: str) -> None:
        self.faults.append(text)

    def _stored(self, one: Stored) -> None:
        delivery = self.ledger.deliveries.get(one.number or 0)
        if one.number is None or delivery is None:
            self._fault(f"{one.user} has a message that nobody delivered: unique-id {one.uid}")
            return
        letter = delivery.letter
        if letter.user != one.user:
            self._fault(f"message {one.number} of {letter.user} is stored for {one.user}")
        if delivery.stored != one.digest:
            self._fault(f"message {one.number} of {one.user} is stored in part or changed")
        if one.uid is not None:
            self._named(one.user, one.uid, one.number)

    def _named(self, user: str, uid: str, number: int) -> None:
        """A unique-id means one message, and a message has one unique-id. A second one is a second copy."""
        other = self.number_of.setdefault((user, uid), number)
        if other != number:
            self._fault(f"unique-id {uid} of {user} names message {other} and message {number}")
        first = self.uid_of.setdefault(number, uid)
        if first != uid:
            self._fault(f"message {number} of {user} is there twice or has changed its unique-id: {first} and {uid}")

    def _removed(self, session: Session) -> None:
        for uid in session.marked if session.end in ("committed", "unknown") else ():
            key = (session.user, uid)
            self.gone_first[key] = min(self.gone_first.get(key, NEVER), session.quit_sent)
            if session.end == "committed":
                self.gone_surely[key] = min(self.gone_surely.get(key, NEVER), session.answered)

    def _sizes(self, session: Session) -> None:
        for uid, size in (session.listed or {}).items():
            number = self.number_of.get((session.user, uid))
            if number is None:
                self._fault(f"{session.user} had unique-id {uid}, which nobody removed and nobody has")
                continue
            # LMTP adds fields, so only who has fetched such a message knows its size.
            delivery = self.ledger.deliveries[number]
            sent = self.ledger.sizes.get((session.user, uid), size if delivery.over_lmtp else delivery.letter.size)
            if size != sent:
                self._fault(f"message {number} of {session.user} is listed with {size} octets, and sent with {sent}")

    def _one_at_a_time(self, user: str, sessions: list[Session]) -> None:
        """A session that removed something surely had the maildrop from the reply to PASS until QUIT was sent.

        A session without marks has nothing to lose: its QUIT may succeed although the maildrop was taken over.
        """
        removing = sorted((one for one in sessions if one.end == "committed" and one.marked), key=lambda one: one.opened)
        before: Session | None = None
        for session in removing:
            if before and session.opened < before.quit_sent:
                self._fault(f"{user} was open in two sessions that both committed: {self._shown(before)} and {self._shown(session)}")
            if before is None or session.quit_sent > before.quit_sent:
                before = session
        # Whatever came of another session: its login should not have succeeded meanwhile.
        others = sorted(sessions, key=lambda one: one.asked)
        begun = [one.asked for one in others]
        for session in removing:
            for other in others[bisect_right(begun, session.opened) : bisect_right(begun, session.quit_sent)]:
                if other.opened < session.quit_sent:
                    self._fault(f"{user} was opened {self._shown(other)} while it was open {self._shown(session)}, which committed")

    def _shown(self, session: Session) -> str:
        return f"on {session.where} from {self.ledger.since(session.opened)} to {self.ledger.since(session.quit_sent)}"

    def _seen(self, user: str, sessions: list[Session]) -> None:
        """Each login lists what was delivered before it and not removed, and nothing that was removed before it."""
        coming = sorted((delivery.accepted, number) for number, delivery in self.ledger.deliveries.items()
                        if delivery.letter.user == user and delivery.accepted < NEVER and number in self.uid_of)
        present: set[str] = set()
        at = 0
        for session in sorted(sessions, key=lambda one: one.asked):
            while at < len(coming) and coming[at][0] < session.asked:
                present.add(self.uid_of[coming[at][1]])
                at += 1
            # What was perhaps removed need not be there in any later session either.
            present = {uid for uid in present if self.gone_first.get((user, uid), NEVER) > session.asked}
            if session.listed is None:
                continue
            if missing := [uid for uid in present if uid not in session.listed and self.gone_first.get((user, uid), NEVER) > session.opened]:
                self._fault(f"{user} does not see {len(missing)} of {len(present)} messages {self._shown(session)}, such as {missing[0]}")
            for uid in session.listed:
                if self.gone_surely.get((user, uid), NEVER) < session.asked:
                    self._fault(f"{user} sees {uid} again {self._shown(session)}, which was removed")

    def _all_there(self) -> None:
        there = {(one.user, one.uid) for one in self.stored if one.uid is not None}
        numbers = {one.number for one in self.stored}
        for key in self.gone_surely.keys() & there:
            self._fault(f"a session of {key[0]} has removed {key[1]}, and was told so, but it is there")
        for number, delivery in self.ledger.deliveries.items():
            user, uid = delivery.letter.user, self.uid_of.get(number)
            if delivery.accepted < NEVER and number not in numbers and (uid is None or (user, uid) not in self.gone_first):
                self._fault(f"message {number} of {user} was accepted at {self.ledger.since(delivery.accepted)} s and is lost")
        # Also what was seen, whether or not its delivery was acknowledged.
        for (user, uid), number in self.number_of.items():
            if number not in numbers and (user, uid) not in self.gone_first and self.ledger.deliveries[number].accepted == NEVER:
                self._fault(f"message {number} of {user} was seen, and is lost: nobody removed {uid}")
