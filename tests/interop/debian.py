"""Packages of Debian 12, downloaded and unpacked into a directory instead of being installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path


class Missing(Exception):
    """The peers are not available here. The text says what to do."""


def unpack(cache: Path, names: str, packages: Sequence[str], furnish: Callable[[Path], None]) -> Path:
    """Downloads and unpacks the packages once, and prepares the root directory, which it returns.

    `names` describes the packages in messages.
    """
    root = cache / "root"
    done = cache / "packages"
    if done.exists() and done.read_text() == " ".join(packages):
        return root
    if os.geteuid() != 0:
        raise Missing(f"to run {names} by chroot takes root: run as root")
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise Missing(f"to unpack Debian 12's packages of {names} takes apt-get and dpkg-deb")
    shutil.rmtree(cache, ignore_errors=True)
    (cache / "deb").mkdir(parents=True)
    got = subprocess.run(
        ["apt-get", "-o", "APT::Sandbox::User=root", "download", *packages],
        cwd=cache / "deb", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )
    if got.returncode:
        raise Missing(f"cannot download {names} (try `apt-get update` first):\n{got.stderr}")
    # Debian 12's merged /usr: the links come before the packages, which still name /lib.
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for package in sorted((cache / "deb").glob("*.deb")):
        archive = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "--keep-directory-symlink", "-C", root], stdin=archive.stdout, check=True)
        if archive.wait():
            raise Missing(f"cannot unpack {package}")
    furnish(root)
    done.write_text(" ".join(packages))
    return root
