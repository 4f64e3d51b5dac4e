#!/usr/bin/env python3
"""Runs the conformance runner with our own server on each runtime and with each database, and with Debian's servers.

    cargo build --release -p pop3-cli --all-features && tests/interop/conformance.py [--ours] [--update-docs]

Our server must pass every row that applies. For Dovecot, Courier, Cyrus and popa3d, the runner only has to finish, and
their results are stored in docs/conformance-runs.md. Then `pop3 conformance --client` runs its scripts with
`pop3 fetch --delete`, which must pass, too. The program is $POP3, by default target/release/pop3.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "common")]
sys.dont_write_bytecode = True

import corpus  # noqa: E402
import cyrus  # noqa: E402
import peers  # noqa: E402
import popa3d  # noqa: E402
from certificates import by_authority  # noqa: E402
from clients import Failed, secret_file  # noqa: E402
from databases import KINDS, Databases, serve_store  # noqa: E402
from net import HOST, Processes  # noqa: E402
from ours import start_serve  # noqa: E402
from serve import RUNTIMES  # noqa: E402
from stage import ROOT, no_program, perform, program  # noqa: E402

PASSWORD = "secret-Pa55 word"
USERS = {"alice": PASSWORD, "empty": PASSWORD}
SECONDS = 400

# What the rows need: dots, no final line end, no blank line, all octets, long lines, multipart, two identical messages.
WANTED = """
plain-lf plain-crlf dots-lf dots-crlf first-octet-dot-lf no-final-newline-lf headers-only-lf blank-lines-crlf
latin1-body-lf utf8-body-lf every-octet-lf status-like-lf line-2000-lf folded-crlf page-lf nul-lf bare-cr-lf
utf8-header-lf no-separator-lf mixed-line-ends
""".split()
PARTS = b"""From: <alice@example.org>
Subject: parts
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

preamble
--b
Content-Type: text/plain

one
--b
Content-Type: text/plain

two
--b--
"""


def messages() -> list[corpus.Message]:
    known = {message.name: message for message in corpus.awkward() + corpus.odd()}
    made = [known[name] for name in WANTED]
    return made + [corpus.Message("parts", PARTS), corpus.Message("twin", known["plain-lf"].stored)]


@dataclass
class Run:
    """The output of the runner for one server."""

    name: str
    seconds: float
    rows: list[dict]

    def count(self, outcome: str) -> int:
        return sum(row["outcome"] == outcome for row in self.rows)

    def failed(self) -> list[dict]:
        return [row for row in self.rows if row["outcome"] == "FAILED"]


# Whether all rows must pass, and what starts the runs.
Job = tuple[bool, Callable[[], list[Run]]]


class Runner:
    """`pop3 conformance` with an account."""

    def __init__(self, program: Path, work: Path, ca: Path) -> None:
        self.program = program
        self.ca = ca
        self.word = secret_file(work / "password", PASSWORD + "\n")

    def run(self, name: str, mode: str, port: int, *options: str, user: str = "alice") -> Run:
        scheme = "pop3s" if mode == "tls" else "pop3"
        command = [
            str(self.program), "conformance", f"{scheme}://{user}@{HOST}:{port}", "--password-file", str(self.word),
            "--tls", {"plain": "off", "stls": "starttls", "tls": "implicit"}[mode], "--ca-file", str(self.ca), "--json",
            "--timeout", "30", *options,
        ]
        began = time.monotonic()
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired as late:
            said = (late.stderr or b"").decode(errors="replace")[-400:]
            raise Failed(f"{name}: the runner was not done after {SECONDS} s: {said}") from late
        if done.returncode not in (0, 1):
            raise Failed(f"{name}: the runner ended with {done.returncode}: {done.stderr.decode()[-1000:]}")
        return Run(name, time.monotonic() - began, json.loads(done.stdout)["rows"])


class Report:
    """Counts, and prints a line for each run and each failure."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def server(self, run: Run, must_pass: bool) -> None:
        figures = f"{run.count('passed')} passed, {len(run.failed())} failed, {run.count('not applicable')} not applicable"
        print(f"{run.name}: {figures} in {run.seconds:.0f} s", flush=True)
        if must_pass:
            self.passed += run.count("passed")
            self.failed += len(run.failed())
        else:
            self.passed += 1
        for row in run.failed():
            print(f"  {'FAIL ' if must_pass else 'fails'} {row['row']} ({row['level']}): {row['text']}", flush=True)
            for line in row["transcript"] if must_pass else []:
                print(f"       {line}", flush=True)

    def wrong(self, text: str) -> None:
        self.failed += 1
        print(f"FAIL  {text}", flush=True)


def ours(runner: Runner, processes: Processes, work: Path, cert: Path, key: Path, runtimes: list[str]) -> list[Job]:
    """All rows in plain text, with STLS and with TLS, with APOP, and on an empty maildrop: on each runtime with Maildirs, and
    with each database. They run in parallel, each with its own server, because a server delays an address after failed
    logins."""

    def one(runtime: str, name: str, mode: str, serve: list[str], options: list[str], user: str = "alice") -> Run:
        if runtime in databases:
            server = serve_store(processes, runner.program, work, databases[runtime], USERS, cert, key, "--channel-binding", *serve)
        else:
            server = start_serve(processes, runner.program, work, runtime, USERS, cert, key, "--channel-binding", *serve)
        server.fill("alice", messages())
        run = runner.run(f"pop3 serve, {runtime}, {name}", mode, server.tls if mode == "tls" else server.plain, *options,
                         user=user)
        server.stop()
        return run

    databases = {kind: Databases(kind, processes, work) for kind in runtimes if kind in KINDS}
    jobs = []
    for runtime in runtimes:
        jobs += [
            (runtime, "clear text", "plain", [], ["--destructive"]),
            (runtime, "STLS", "stls", [], []),
            (runtime, "TLS", "tls", [], []),
            (runtime, "APOP", "plain", ["--apop"], ["--only", "APO,SES,RSP"]),
            (runtime, "empty", "plain", [], ["--only", "NUM,LST,MUL"], "empty"),
        ]
    return [(True, lambda job=job: [one(*job)]) for job in jobs]


def others(runner: Runner, processes: Processes, cert: Path, key: Path, ca: Path) -> list[Job]:
    """Debian's servers. Their failures are reported, but do not fail the run."""
    root = peers.unpack(ROOT / "target/interop/peers")

    def peer(start, *authority: Path) -> list[Run]:
        server = start(processes, root, USERS, cert, key, *authority)
        # Messages that Cyrus does not accept by LMTP are left out.
        taken = [one for one in messages() if server.name != "cyrus" or one.name not in ("nul-lf", "no-separator-lf")]
        server.fill("alice", taken)
        # The penalties of one run would delay the other, so they run one after the other.
        return [
            runner.run(f"{server.name}, clear text and STLS", "plain", server.plain, "--destructive"),
            runner.run(f"{server.name}, TLS", "tls", server.tls, "--only", "TLS,CAP,MEC,SCR"),
        ]

    def small() -> list[Run]:
        server = popa3d.Popa3d(popa3d.unpack(ROOT / "target/interop/popa3d"), "alice", PASSWORD, messages())
        try:
            return [runner.run("popa3d, clear text", "plain", server.port, "--destructive")]
        finally:
            server.stop()

    return [
        (False, lambda: peer(peers.start_dovecot, ca)),
        (False, lambda: peer(peers.start_courier)),
        (False, lambda: peer(cyrus.start_cyrus, ca)),
        (False, small),
    ]


def in_parallel(report: Report, jobs: list[Job]) -> list[Run]:
    """Runs the jobs in parallel, because they mostly wait. The results are in the order of the jobs."""
    runs = []
    with ThreadPoolExecutor(10) as pool:
        for must_pass, future in [(must_pass, pool.submit(job)) for must_pass, job in jobs]:
            try:
                for run in future.result():
                    report.server(run, must_pass)
                    runs.append(run)
            except (Failed, OSError, RuntimeError, subprocess.SubprocessError) as failure:
                report.wrong(str(failure))
    return runs


def try_client(report: Report, program: Path, work: Path, cert: Path, key: Path, ca: Path, runtime: str) -> None:
    """The scripts for clients, run with `pop3 fetch --delete`."""
    home = work / f"client-{runtime}"
    # Each script is another server on one address, so each has its own state file.
    command = (
        f"{program} fetch pop3://$POP3_USER@$POP3_HOST:$POP3_PORT --to dir:{home}/mail --state {home}/state-$POP3_SCENARIO --delete "
        f"--tls $POP3_TLS --ca-file {ca} --timeout 8 --quiet --runtime {runtime}"
    )
    done = subprocess.run(
        [str(program), "conformance", "--client", "--listen", f"{HOST}:0", "--tls-cert", str(cert), "--tls-key", str(key),
         "--timeout", "20", "--json", "--exec", command],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False,
    )
    if done.returncode not in (0, 1):
        report.wrong(f"pop3 fetch, {runtime}: the stage ended with {done.returncode}: {done.stderr.decode()[-500:]}")
        return
    report.server(Run(f"pop3 fetch, {runtime}", 0, json.loads(done.stdout)["rows"]), must_pass=True)


MARK = "<!-- What follows is made by tests/interop/conformance.py --update-docs -->\n"
SIGNS = {"passed": "yes", "FAILED": "**no**", "not applicable": "-"}


def update_docs(runs: list[Run]) -> None:
    """Writes the tables after the mark. The text before it is written by hand."""
    path = ROOT / "docs/conformance-runs.md"
    servers = ["pop3 serve", "dovecot", "courier", "cyrus", "popa3d"]
    outcomes: dict[str, dict[str, tuple[str, str]]] = {}
    rows: dict[str, dict] = {}
    order = {"FAILED": 2, "passed": 1, "not applicable": 0}
    for run in runs:
        server = run.name.split(",")[0]
        for row in run.rows:
            rows.setdefault(row["row"], row)
            known = outcomes.setdefault(row["row"], {}).get(server)
            if known is None or order[row["outcome"]] > order[known[0]]:
                outcomes[row["row"]][server] = (row["outcome"], row["text"])
    lines = ["## Figures", "", "| server | passed | failed | not applicable | seconds |", "|---|--:|--:|--:|--:|"]
    for run in runs:
        lines.append(f"| {run.name} | {run.count('passed')} | {len(run.failed())} | {run.count('not applicable')} "
                     f"| {run.seconds:.0f} |")
    for server in servers[1:]:
        lines += ["", f"## Where {server} differs", "", "| row | level | asked | seen |", "|---|---|---|---|"]
        for name, row in rows.items():
            outcome, text = outcomes[name].get(server, ("not applicable", ""))
            if outcome == "FAILED":
                lines.append(f"| {name} | {row['level']} | {row['requirement']} | {cell(text)} |")
    lines += ["", "## All rows", "", f"| row | level | asked | {' | '.join(servers)} |", f"|---|---|---|{':-:|' * len(servers)}"]
    for name, row in rows.items():
        marks = " | ".join(SIGNS[outcomes[name].get(server, ("not applicable", ""))[0]] for server in servers)
        lines.append(f"| {name} | {row['level']} | {row['requirement']} | {marks} |")
    before = path.read_text().split(MARK)[0] if path.exists() else "# The runner, run against servers\n\n"
    path.write_text(before + MARK + "\n" + "\n".join(lines) + "\n")


def cell(text: str) -> str:
    """Text for a cell of a table, without the parts that change from run to run."""
    text = text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
    return text if len(text) < 120 else text[:117] + "..."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", action="store_true", help="our own server and client only")
    parser.add_argument("--others", action="store_true", help="Debian's servers only")
    parser.add_argument("--runtime", action="append", choices=(*RUNTIMES, *KINDS),
                        help="only this runtime, or tokio with this database (may be repeated)")
    parser.add_argument("--update-docs", action="store_true", help="write docs/conformance-runs.md")
    arguments = parser.parse_args()
    if reason := no_program():
        print(f"FAIL  {reason}")
        return 1
    report = Report()

    def checks(work: Path, processes: Processes) -> None:
        ca, cert, key = by_authority(work)
        runner = Runner(program(), work, ca)
        runtimes = arguments.runtime or [*RUNTIMES, *KINDS]
        # The slow ones first: a server that delays its replies determines the total time.
        jobs = [] if arguments.ours else others(runner, processes, cert, key, ca)
        jobs += [] if arguments.others else ours(runner, processes, work, cert, key, runtimes)
        runs = in_parallel(report, jobs)
        for runtime in [] if arguments.others else [one for one in runtimes if one in RUNTIMES]:
            try_client(report, program(), work, cert, key, ca, runtime)
        if arguments.update_docs and not report.failed:
            update_docs(runs)

    return perform("conformance", report, checks)


if __name__ == "__main__":
    sys.exit(main())
