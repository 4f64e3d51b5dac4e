"""A newer mpop than that of Debian 12, for SCRAM with channel binding: Debian 13's, unpacked and run in place."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from peers import Missing

# mpop and its libraries, run with their own dynamic linker. Nothing on the machine changes.
PACKAGES = """
mpop libc6 libatomic1 libblkid1 libffi8 libgcrypt20 libglib2.0-0t64 libgmp10 libgnutls30t64 libgpg-error0 libgsasl18
libgssglue1 libhogweed6t64 libidn12 libidn2-0 libmount1 libnettle8t64 libntlm0 libp11-kit0 libpcre2-8-0 libsecret-1-0
libselinux1 libtasn1-6 libunistring5 zlib1g
""".split()
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SOURCE = f"deb [signed-by={KEYRING}] http://deb.debian.org/debian trixie main\n"


def unpack(cache: Path) -> tuple[str, ...]:
    """Downloads and unpacks the packages once. Returns the command that runs mpop."""
    libraries = cache / "root/usr/lib/x86_64-linux-gnu"
    command = (str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries), str(cache / "root/usr/bin/mpop"))
    done = cache / "packages"
    if not done.exists() or done.read_text() != " ".join(PACKAGES):
        shutil.rmtree(cache, ignore_errors=True)
        for name in ("deb", "root", "lists/partial", "archives/partial"):
            (cache / name).mkdir(parents=True)
        (cache / "sources.list").write_text(SOURCE)
        apt = ["apt-get", "-o", f"Dir::Etc::sourcelist={cache / 'sources.list'}", "-o", "Dir::Etc::sourceparts=-",
               "-o", f"Dir::State::lists={cache / 'lists'}", "-o", f"Dir::Cache={cache}", "-o", "APT::Sandbox::User=root",
               "-o", "Acquire::Languages=none", "-o", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false"]
        for words in (["update"], ["-o", "Dir::State::status=/dev/null", "download", *PACKAGES]):
            got = subprocess.run([*apt, *words], cwd=cache / "deb", stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                 check=False)
            if got.returncode:
                raise Missing(f"cannot download Debian 13's mpop:\n{got.stderr}")
        for package in (cache / "deb").glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, cache / "root"], check=True)
        shutil.rmtree(cache / "deb")
        shutil.rmtree(cache / "lists")
    tried = subprocess.run([*command, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if "scram-sha-256-plus" not in tried.stdout:
        raise Missing(f"Debian 13's mpop does not run here:\n{tried.stdout}{tried.stderr}")
    done.write_text(" ".join(PACKAGES))
    return command
