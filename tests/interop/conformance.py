#!/usr/bin/env python3
"""The conformance runner against our own server on each runtime, and against Debian's servers.

    cargo build --release -p pop3-cli && tests/interop/conformance.py [--ours] [--update-docs]

Our server must pass every row that can be tried; of Dovecot, Courier and popa3d it is only asked that the runner comes
to its end, and their tables are kept in docs/conformance-runs.md. Then `pop3 conformance --client` plays its scripts to
`pop3 fetch --delete`, which must pass too. The program is $POP3, by default target/release/pop3.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import corpus  # noqa: E402
import peers  # noqa: E402
from clients import Failed, secret_file  # noqa: E402
from net import HOST, Processes  # noqa: E402
from ours import RUNTIMES, start_serve  # noqa: E402

ROOT = HERE.parent.parent
PASSWORD = "secret-Pa55 word"
USERS = {"alice": PASSWORD, "empty": PASSWORD}
SECONDS = 240

# What the rows look for: dots, no final newline, no blank line, octets of all kinds, long lines, parts, two alike.
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


def make_certificates(directory: Path) -> tuple[Path, Path, Path]:
    """An authority of our own, and a certificate of it for localhost and 127.0.0.1."""
    (directory / "extensions").write_text(
        "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n"
        "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
    )
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=conformance-authority",
        "req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj /CN=localhost",
        "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile extensions -out cert.pem",
    ):
        subprocess.run(["openssl", *command.split()], cwd=directory, check=True, capture_output=True)
    return directory / "ca.pem", directory / "cert.pem", directory / "key.pem"


@dataclass
class Run:
    """What the runner said of one server."""

    name: str
    seconds: float
    rows: list[dict]

    def count(self, outcome: str) -> int:
        return sum(row["outcome"] == outcome for row in self.rows)

    def failed(self) -> list[dict]:
        return [row for row in self.rows if row["outcome"] == "FAILED"]


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


def try_ours(report: Report, runner: Runner, processes: Processes, work: Path, cert: Path, key: Path,
             runtimes: list[str]) -> list[Run]:
    """All rows in clear text, over STLS and in TLS, with and without APOP; and an empty maildrop."""
    runs = []
    for runtime in runtimes:
        server = start_serve(processes, runner.program, work, runtime, USERS, cert, key)
        with_apop = start_serve(processes, runner.program, work, runtime, USERS, cert, key, "--apop")
        for one in (server, with_apop):
            one.fill("alice", messages())
        for name, one, mode, options in (
            (f"pop3 serve, {runtime}", server, "plain", ["--destructive"]),
            (f"pop3 serve, {runtime}, STLS", server, "stls", []),
            (f"pop3 serve, {runtime}, TLS", server, "tls", []),
            (f"pop3 serve, {runtime}, APOP", with_apop, "plain", ["--only", "APO,SES,RSP"]),
        ):
            try:
                run = runner.run(name, mode, one.tls if mode == "tls" else one.plain, *options)
                report.server(run, must_pass=True)
                runs.append(run)
            except Failed as failure:
                report.wrong(str(failure))
        try:
            run = runner.run(f"pop3 serve, {runtime}, empty maildrop", "plain", server.plain, "--only", "NUM,LST,MUL",
                             user="empty")
            report.server(run, must_pass=True)
        except Failed as failure:
            report.wrong(str(failure))
        server.stop()
        with_apop.stop()
    return runs


def try_others(report: Report, runner: Runner, processes: Processes, cert: Path, key: Path) -> list[Run]:
    """Debian's servers: their failures are theirs."""
    root = peers.unpack(ROOT / "target/interop/peers")
    runs = []
    for start in (peers.start_dovecot, peers.start_courier):
        peer = start(processes, root, USERS, cert, key)
        peer.fill("alice", messages())
        for mode, port in (("plain", peer.plain), ("tls", peer.tls)):
            options = ["--destructive"] if mode == "plain" else ["--only", "TLS,AUT,MEC,SCR,CAP"]
            try:
                run = runner.run(f"{peer.name}, {'clear text and STLS' if mode == 'plain' else 'TLS'}", mode, port, *options)
                report.server(run, must_pass=False)
                runs.append(run)
            except Failed as failure:
                report.wrong(str(failure))
    return runs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", action="store_true", help="our own server and client only")
    parser.add_argument("--others", action="store_true", help="Debian's servers only")
    parser.add_argument("--runtime", action="append", choices=RUNTIMES, help="only this runtime (may be repeated)")
    parser.add_argument("--update-docs", action="store_true", help="write docs/conformance-runs.md")
    arguments = parser.parse_args()
    program = Path(os.environ.get("POP3") or ROOT / "target/release/pop3").resolve()
    if not os.access(program, os.X_OK):
        print(f"FAIL  no program {program}; cargo build --release -p pop3-cli, or set POP3")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    processes = Processes()
    report = Report()
    work = Path(tempfile.mkdtemp(prefix="pop3-conformance-"))
    try:
        ca, cert, key = make_certificates(work)
        runner = Runner(program, work, ca)
        if not arguments.others:
            try_ours(report, runner, processes, work, cert, key, arguments.runtime or list(RUNTIMES))
        if not arguments.ours:
            try_others(report, runner, processes, cert, key)
    finally:
        processes.stop()
        shutil.rmtree(work, ignore_errors=True)
    print(f"conformance: {report.passed} passed, {report.failed} failed", flush=True)
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
