"""A fresh Debian for tests that need a machine on which nothing is installed yet.

debootstrap creates a minimal Debian under target/fresh-debian, which is kept for the next run and never changed after that.
Each test gets an overlay over it. There is no container engine: unshare gives a test mounts and a network of its own, and
chroot the tree.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREE = ROOT / "target/fresh-debian/tree"
MIRROR = "http://deb.debian.org/debian"
# Runs a command with mounts and a network of its own, which disappear with it.
APART = ["unshare", "--mount", "--net", "--propagation", "private"]


def absent(*programs: str) -> list[str]:
    """What this needs and does not find."""
    found = [name for name in ("debootstrap", "ip", "unshare", *programs) if not shutil.which(name)]
    return found if os.getuid() == 0 else [*found, "the rights of root"]


def left_out(test: str, without: list[str]) -> int:
    """Says that the test could not run. Returns the exit code: a failure if $CI is set."""
    in_ci = os.environ.get("CI", "") not in ("", "false", "0")
    print(f"{'FAIL' if in_ci else 'skip'} {test}: there is no {', no '.join(without)}; `.ci/run tools` installs what is needed")
    return 1 if in_ci else 0


def make_tree() -> None:
    """Creates the tree, unless it is there. Tests that run at the same time wait for each other."""
    TREE.parent.mkdir(parents=True, exist_ok=True)
    with (TREE.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (TREE / "made").exists():
            return
        shutil.rmtree(TREE, ignore_errors=True)
        subprocess.run(["debootstrap", "--variant=minbase", "bookworm", str(TREE), MIRROR], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run(["chroot", str(TREE), "useradd", "--create-home", "--shell", "/bin/bash", "reader"], check=True)
        (TREE / "made").touch()


def make_packages(*sets: str) -> Path:
    """Downloads packages for the tree, with what they need, so that `apt-get install` works without a network.

    The packages of a set can be installed together. Returns a directory that an overlay shows above the tree.
    """
    make_tree()
    place = TREE.parent / "packages"
    with (TREE.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = place / "made"
        if not made.exists() or made.read_text() != "\n".join(sets):
            shutil.rmtree(place, ignore_errors=True)
            for name in ("upper", "scratch", "tree"):
                (place / name).mkdir(parents=True)
            subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-ec", DOWNLOAD, "sh", str(TREE), str(place), *sets], check=True,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            made.write_text("\n".join(sets))
    return place / "upper"


# No service starts when it is installed, as there is nothing that starts services.
DOWNLOAD = r"""
tree=$1 place=$2
shift 2
mount -t overlay overlay -o "lowerdir=$tree,upperdir=$place/upper,workdir=$place/scratch" "$place/tree"
cd "$place/tree"
cat /etc/resolv.conf >etc/resolv.conf
echo 127.0.0.1 localhost >etc/hosts
printf 'APT::Install-Recommends "false";\nAPT::Sandbox::User "root";\nquiet "1";\nDpkg::Use-Pty "0";\n' >etc/apt/apt.conf.d/90tests
echo force-unsafe-io >etc/dpkg/dpkg.cfg.d/tests
printf '#!/bin/sh\nexit 101\n' >usr/sbin/policy-rc.d
chmod 755 usr/sbin/policy-rc.d
chroot . apt-get -qq update
for set in "$@"; do chroot . apt-get -qq install --yes --download-only $set; done
"""


class System:
    """A copy of the tree in which a test may change everything. Use it in a process that `APART` has started."""

    def __init__(self, test: str) -> None:
        self.work = Path(tempfile.mkdtemp(prefix=f"pop3-{test}-"))
        self.work.chmod(0o755)
        self.tree = self.work / "tree"
        self.mounts: list[Path] = []

    def enter(self, *above: Path) -> None:
        """Mounts the tree, with what is shown above it, and starts the loopback interface."""
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        self.overlay("debian", ":".join(map(str, [*above, TREE])), self.tree)
        self.mount(self.tree / "dev", "--rbind", "/dev")
        self.mount(self.tree / "proc", "-t", "proc", "proc")

    def mount(self, place: Path, *options: str) -> None:
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", *options, str(place)], check=True)
        self.mounts.append(place)

    def overlay(self, name: str, lower: Path | str, place: Path) -> None:
        """Mounts a directory in such a way that changes are kept elsewhere, in `changes(name)`."""
        scratch = self.work / name / "scratch"
        for folder in (self.changes(name), scratch):
            folder.mkdir(parents=True)
        self.changes(name).chmod(0o755)
        self.mount(place, "-t", "overlay", "overlay", "-o", f"lowerdir={lower},upperdir={self.changes(name)},workdir={scratch}")

    def changes(self, name: str) -> Path:
        """What was changed in an overlay."""
        return self.work / name / "upper"

    def leave(self) -> None:
        """Removes everything."""
        for place in reversed(self.mounts):
            subprocess.run(["umount", "--recursive", "--lazy", str(place)], check=False)
        shutil.rmtree(self.work, ignore_errors=True)
