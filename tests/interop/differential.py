#!/usr/bin/env python3
"""Random sessions with `pop3 serve` and with Dovecot, side by side, over the same Maildirs.

    cargo build --release -p pop3-cli --all-features && tests/interop/differential.py
    tests/interop/differential.py --runtime smol --seeds 4711          # one story again
    tests/interop/differential.py --seeds 0-2000                       # many, on each runtime

A seed is a story: a maildrop, and some sessions on it. All replies are compared, and what is left in the Maildirs. Each
known difference has a row in docs/differences.md; a difference that no row explains fails, and both transcripts are
printed. The program is $POP3, by default target/release/pop3. Dovecot is the one that is installed, or else Debian 12's,
unpacked under target/interop, which takes root.
"""

from __future__ import annotations

import argparse
import re
import ssl
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "common")]
sys.dont_write_bytecode = True

import peers  # noqa: E402
from certificates import by_authority  # noqa: E402
from checks import Report  # noqa: E402
from clients import Failed  # noqa: E402
from contest import Contest, Differs, Score  # noqa: E402
from differences import CAPA_LISTED, NAMES, explain  # noqa: E402
from dovecot import GID, UID, start_dovecot  # noqa: E402
from examples import EXAMPLES, control, example  # noqa: E402
from net import Processes  # noqa: E402
from ours import start_serve  # noqa: E402
from serve import RUNTIMES  # noqa: E402
from spoiled import CHANGES, DAMAGES, Spoiled  # noqa: E402
from stage import ROOT, no_program, perform, program  # noqa: E402
from stories import PASSWORD, Story, story, user_of  # noqa: E402

PAGE = ROOT / "docs/differences.md"
# How many stories are played at a time. They mostly wait: after a failed login, for seconds.
AT_ONCE = 16
# How many stories may fail before the rest is left out.
MOST_FAILED = 5


FAULTS = (*CHANGES, *DAMAGES)


@dataclass
class Place:
    """Where the servers run: their files, their certificate, and the root directory of Dovecot if it is unpacked."""

    processes: Processes
    program: Path
    work: Path
    dovecot_root: Path | None
    ca: Path
    cert: Path
    key: Path


class Differential:
    """The checks with one runtime."""

    def __init__(self, place: Place, report: Report, runtime: str, seeds: Iterable[int]) -> None:
        self.report = report
        self.runtime = runtime
        self.seeds = list(seeds)
        self.score = Score()
        users = [told.user for told in (*map(example, EXAMPLES), *map(control, range(2 * len(FAULTS))))]
        users += [user_of(seed) for seed in self.seeds]
        home = Path(tempfile.mkdtemp(prefix="differential-", dir=place.work))
        self.dovecot = start_dovecot(place.processes, place.dovecot_root, home, users, PASSWORD, place.cert, place.key)
        self.ours = start_serve(place.processes, place.program, home, runtime, {user: PASSWORD for user in users}, place.cert,
                                place.key, "--auth-mechanisms", "PLAIN,LOGIN")
        self.context = ssl.create_default_context(cafile=place.ca)
        self.contest = self.against(self.ours)

    def against(self, ours: object, damage: Callable[[Path], None] | None = None) -> Contest:
        return Contest(self.dovecot, ours, self.context, explain, (UID, GID), damage)  # type: ignore[arg-type]

    def everything(self, planted: bool = True) -> None:
        name = f"differential, {self.runtime}"
        self.report.check(f"{name}: each known difference is there", self.examples)
        what = f"{len(self.seeds)} stories" if len(self.seeds) != 1 else f"story {self.seeds[0]}"
        self.report.check(f"{name}: no other difference in {what}", self.stories)
        if planted:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(lambda fault: self.report.check(f"{name}: notices {fault}", partial(self.notices, fault)), FAULTS))

    def examples(self) -> None:
        """Each row of the table is true: its example shows this difference, and no other but that of each CAPA."""

        def one(name: str) -> str | None:
            score = Score()
            failure = self.play(example(name), score)
            return failure or (None if {name} == set(score.seen) - ({CAPA_LISTED} - {name}) else f"the example of {name} shows {dict(score.seen)}")

        self.all_of(one, EXAMPLES)

    def stories(self) -> None:
        """No difference but the known ones."""
        self.all_of(lambda seed: self.play(story(seed), self.score), self.seeds)
        print(f"      differential, {self.runtime}: {self.score}", flush=True)

    def all_of(self, play: Callable[[object], str | None], of: Iterable[object]) -> None:
        failures: list[str] = []

        def one(each: object) -> None:
            if len(failures) < MOST_FAILED and (failure := play(each)):
                failures.append(failure)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(one, of))
        if failures:
            raise Failed(f"{len(failures)} failed\n" + "\n".join(failures))

    def play(self, told: Story, score: Score) -> str | None:
        """Plays a story. Returns what failed, and how to see it again."""
        try:
            self.contest.play(told, score)
        except Differs as found:
            again = f"tests/interop/differential.py --runtime {self.runtime} --seeds {told.seed}"
            return f"{found}\n--- again: {again if told.user == user_of(told.seed) else 'an example'}"
        return None

    def notices(self, fault: str) -> None:
        """A planted fault is found in a session that shows no difference without it."""
        number = FAULTS.index(fault)
        score = Score()
        if failure := self.play(control(number), score):
            raise Failed(failure)
        if score.seen:
            raise Failed(f"the session shows {dict(score.seen)}")
        ours = Spoiled(self.ours, CHANGES[fault]) if fault in CHANGES else self.ours
        try:
            self.against(ours, DAMAGES.get(fault)).play(control(len(FAULTS) + number), Score())
        except Differs:
            return
        raise Failed("not noticed")


def check_table(report: Report) -> None:
    """The page has a row for each difference that the program knows, and no other row. Each has an example."""

    def check() -> None:
        rows = re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(), re.MULTILINE)
        for what, names in (("rows", rows), ("examples", EXAMPLES), ("conditions", NAMES)):
            twice = [name for name, count in Counter(list(names)).items() if count > 1]
            missing = sorted({*rows, *EXAMPLES, *NAMES} - set(names))
            if twice or missing:
                raise Failed(f"{PAGE.name} and the program have different names: no {what} for {missing}; twice: {twice}")

    report.check("differential: the table has each known difference", check)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0-99", metavar="A-B", help="the stories to play, from A to B or only A [default: 0-99]")
    parser.add_argument("--runtime", action="append", choices=RUNTIMES, help="only this runtime (may be repeated)")
    parser.add_argument("--no-planted", action="store_true", help="do not test the test with planted faults")
    arguments = parser.parse_args()
    first, _, last = arguments.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    if reason := no_program():
        print(f"FAIL  {reason}")
        return 1
    report = Report()

    def checks(work: Path, processes: Processes) -> None:
        root = None if Path("/usr/sbin/dovecot").exists() else peers.unpack(ROOT / "target/interop/peers")
        place = Place(processes, program(), work, root, *by_authority(work))
        check_table(report)
        for runtime in arguments.runtime or RUNTIMES:
            Differential(place, report, runtime, seeds).everything(not arguments.no_planted)

    return perform("differential", report, checks)


if __name__ == "__main__":
    sys.exit(main())
