"""The Debian package, and a machine on which it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS / "common")]
import fresh_debian  # noqa: E402
from fresh_debian import ROOT  # noqa: E402
from services import Supervisor  # noqa: E402

# Here is what cargo-deb packages, so that other steps can build in target/release at the same time.
TARGET = ROOT / "target/deb"
FIRST, SECOND = "0.1.0-1", "0.1.0-2"
# How long anything may take. cargo-deb waits while another cargo holds the lock of its package cache.
SECONDS = 600


def build() -> Path:
    """Makes the package of $POP3, by default target/release/pop3."""
    program = Path(os.environ.get("POP3") or ROOT / "target/release/pop3")
    shutil.rmtree(TARGET, ignore_errors=True)
    (TARGET / "release").mkdir(parents=True)
    shutil.copy2(program, TARGET / "release/pop3")
    run(str(TARGET / "release/pop3"), "generate", str(TARGET / "share"))
    package = TARGET / "first.deb"
    run("cargo", "deb", "--no-build", "--quiet", "--compress-system", "-p", "pop3-cli", "--deb-version", FIRST, "--output", str(package),
        cwd=ROOT, env=os.environ | {"CARGO_TARGET_DIR": str(TARGET)})
    return package


def build_second(first: Path) -> Path:
    """Makes a later version of the package, with another default configuration."""
    second = TARGET / "second.deb"
    unpacked = TARGET / "unpacked"
    run("dpkg-deb", "--raw-extract", str(first), str(unpacked))
    control, settings = unpacked / "DEBIAN/control", unpacked / "etc/pop3/pop3.toml"
    control.write_text(control.read_text().replace(f"Version: {FIRST}", f"Version: {SECOND}"))
    settings.write_text(settings.read_text() + "# Of the second version.\n")
    (unpacked / "DEBIAN/md5sums").unlink(missing_ok=True)
    run("dpkg-deb", "--build", "--root-owner-group", "-Zgzip", "-z1", str(unpacked), str(second))
    return second


def run(*command: str, **options: object) -> str:
    """Runs a command, and returns what it prints. If it fails, what it printed is in the error."""
    options.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS, check=False, **options)
    text = done.stdout.decode(errors="replace")
    must(done.returncode == 0, f"{' '.join(command)}: exit code {done.returncode}\n{text}")
    return text


def must(true: bool, otherwise: str) -> None:
    if not true:
        raise RuntimeError(otherwise)


class Machine(fresh_debian.System):
    """A fresh Debian, with what starts its services."""

    def __init__(self, test: str) -> None:
        super().__init__(test)
        self.supervisor = Supervisor(self.tree)
        self.passed = self.failed = 0

    def check(self, name: str, what: object) -> None:
        try:
            what()  # type: ignore[operator]
            self.passed += 1
            print(f"ok   {name}", flush=True)
        except (RuntimeError, OSError, subprocess.SubprocessError) as reason:
            self.failed += 1
            print(f"FAIL {name}: {reason}", flush=True)

    def inside(self, *command: str, input: bytes | None = None) -> str:
        """Runs a command in the tree, with an environment of its own."""
        options = {"input": input, "stdin": None} if input is not None else {}
        variables = ["HOME=/root", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"]
        return run("chroot", str(self.tree), "/usr/bin/env", "-i", *variables, *command, **options)

    def mode(self, path: str) -> str:
        return self.inside("stat", "--format=%U:%G %a", path).strip()

    def certificate(self) -> Path:
        """A certificate where the settings expect it. Returns one that others can read."""
        folder = self.tree / "etc/pop3"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE",
            "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"))
        self.inside("chgrp", "pop3", "/etc/pop3/key.pem")
        self.inside("chmod", "640", "/etc/pop3/key.pem")
        return Path(shutil.copy(folder / "cert.pem", self.tree / "tmp/cert.pem"))

    def leave(self) -> None:
        self.supervisor.stop_all()
        super().leave()
