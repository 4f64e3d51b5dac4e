"""Becomes the program of a service, in a directory tree, under the restrictions of its systemd unit.

    confine.py JSON

There is no systemd in a tree, so this does to the process what systemd.exec(5) says: namespaces, mounts, limits, the
user, capabilities, and filters of system calls. A setting that it does not know is an error, so that none is forgotten.
It does nothing about other processes. The caller has mounted the tree, and the process has to be root's.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import syscalls

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWUSER = 0x20000, 0x4000000, 0x10000000
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 24, 38, 47, 4
LAST_CAPABILITY = 40
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
# What /proc shows of the kernel's settings.
TUNABLES = ("proc/sys", "proc/sysrq-trigger", "proc/fs", "proc/irq", "proc/acpi")
# Settings about starting and stopping, which are the business of the supervisor.
OF_THE_SUPERVISOR = {"Type", "NotifyAccess", "ExecStart", "ExecReload", "Sockets", "Restart", "WatchdogSec", "TimeoutStopSec",
                     "StandardOutput", "StandardError"}
# The filter of system calls and the absence of capabilities and devices achieve these, too; the last one removes what a
# user leaves when all processes of it have ended.
IMPLIED = {"ProtectClock", "ProtectKernelLogs", "ProtectKernelModules", "RemoveIPC"}


@dataclass(frozen=True)
class Task:
    """What to become. `settings` are those of [Service], each with all its lines."""

    tree: str
    settings: dict[str, list[str]]
    environment: dict[str, str]
    command: list[str]
    # The descriptors of listening sockets, which become 3, 4 and so on, and their names.
    sockets: list[int]
    names: list[str]


class Confinement:
    def __init__(self, task: Task) -> None:
        self.task = task
        self.tree = Path(task.tree)
        self.filters, self.left = syscalls.parted(task.settings)
        for name in OF_THE_SUPERVISOR | IMPLIED:
            self.left.pop(name, None)

    def setting(self, name: str) -> str:
        """The last line, which counts where only one does."""
        return (self.left.pop(name, None) or [""])[-1]

    def on(self, name: str) -> bool:
        return self.setting(name) in ("yes", "true", "1")

    def enter(self) -> None:
        """Applies everything, and becomes the program."""
        uid, gid, groups = self.user()
        self.limits()
        must_call("unshare", LIBC.unshare(CLONE_NEWNS | (CLONE_NEWUTS if self.on("ProtectHostname") else 0)))
        mount("--make-rprivate", "/")
        self.mounts(uid, gid)
        if self.left:
            raise SystemExit(f"confine.py does not know the settings {', '.join(sorted(self.left))}")
        # They work in the new namespace, although it does not know their names.
        os.setgroups(groups)
        # The kernel permits this only before chroot.
        if self.private_users:
            own_users(uid, gid)
        os.chroot(self.tree)
        os.chdir("/")
        self.passed_sockets()
        for capability in range(LAST_CAPABILITY + 1):
            must_call("prctl", LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0))
        must_call("prctl", LIBC.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        must_call("prctl", LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        # What systemd ignores in itself is not ignored in its services.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        syscalls.load(self.filters)
        os.execve(self.task.command[0], self.task.command, self.variables())

    def variables(self) -> dict[str, str]:
        variables = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", **self.task.environment}
        if self.task.sockets:
            variables |= {"LISTEN_FDS": str(len(self.task.sockets)), "LISTEN_FDNAMES": ":".join(self.task.names), "LISTEN_PID": str(os.getpid())}
        return variables

    def user(self) -> tuple[int, int, list[int]]:
        """The numbers of the user, the group and all groups, which only the tree knows."""
        user, group, more = self.setting("User"), self.setting("Group"), self.setting("SupplementaryGroups").split()
        users = [line.split(":") for line in (self.tree / "etc/passwd").read_text().splitlines()]
        groups = [line.split(":") for line in (self.tree / "etc/group").read_text().splitlines()]
        uid = next(int(entry[2]) for entry in users if entry[0] == user)
        gid = next(int(entry[2]) for entry in groups if entry[0] == group)
        return uid, gid, [gid, *(int(entry[2]) for entry in groups if entry[0] in more or user in entry[3].split(","))]

    def limits(self) -> None:
        for name in [name for name in self.left if name.startswith("Limit")]:
            which = getattr(resource, f"RLIMIT_{name.removeprefix('Limit')}")
            value = int(self.setting(name))
            # In some containers, root can't raise a limit.
            value = min(value, resource.getrlimit(which)[1]) if not may_raise_limits() else value
            resource.setrlimit(which, (value, value))
        os.umask(int(self.setting("UMask") or "022", 8))
        for name in ("CapabilityBoundingSet", "AmbientCapabilities"):
            if self.setting(name):
                raise SystemExit(f"{name} is expected to be empty")
        if not self.on("NoNewPrivileges"):
            raise SystemExit("NoNewPrivileges is expected")
        self.private_users = self.on("PrivateUsers")

    def mounts(self, uid: int, gid: int) -> None:
        tree = self.tree
        writable = [tree / path.lstrip("/") for path in " ".join(self.left.pop("ReadWritePaths", [])).split()]
        mode = self.setting("StateDirectoryMode") or "755"
        for name in self.setting("StateDirectory").split():
            path = tree / "var/lib" / name
            path.mkdir(parents=True, exist_ok=True)
            os.chown(path, uid, gid)
            path.chmod(int(mode, 8))
            writable.append(path)
        strict = self.setting("ProtectSystem")
        if strict not in ("", "strict"):
            raise SystemExit("ProtectSystem is expected to be strict")
        if self.on("PrivateDevices"):
            self.devices()
        if self.setting("ProtectProc") == "invisible":
            mount("-t", "proc", "-o", "nosuid,nodev,noexec,hidepid=invisible", "proc", tree / "proc")
        if self.on("ProtectKernelTunables"):
            for name in TUNABLES:
                if (tree / name).exists():
                    read_only(tree / name)
        if self.on("ProtectControlGroups") and (tree / "sys/fs/cgroup").exists():
            read_only(tree / "sys/fs/cgroup")
        if self.on("ProtectHome"):
            for name in ("home", "root", "run/user"):
                if (tree / name).exists():
                    mount("-t", "tmpfs", "-o", "ro,nosuid,nodev,noexec,size=4k,mode=000", "none", tree / name)
        if self.on("PrivateTmp"):
            for name in ("tmp", "var/tmp"):
                mount("-t", "tmpfs", "-o", "nosuid,nodev,mode=1777", "none", tree / name)
        if strict:
            for path in writable:
                mount("--bind", path, path)
            mount("-o", "remount,bind,ro", tree)

    def devices(self) -> None:
        dev = self.tree / "dev"
        mount("-t", "tmpfs", "-o", "nosuid,noexec,mode=755", "none", dev)
        for name in DEVICES:
            (dev / name).touch()
            mount("--bind", f"/dev/{name}", dev / name)
        for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
            (dev / name).symlink_to(f"/proc/self/{target}")
        for name in ("shm", "pts"):
            (dev / name).mkdir()
        (dev / "shm").chmod(0o1777)
        mount("-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=620,nosuid,noexec", "devpts", dev / "pts")
        (dev / "ptmx").symlink_to("pts/ptmx")
        mount("-o", "remount,bind,ro,nosuid,noexec", dev)

    def passed_sockets(self) -> None:
        """Sockets as sd_listen_fds(3) expects them. The caller has put them out of the way."""
        for number, descriptor in enumerate(self.task.sockets):
            os.dup2(descriptor, 3 + number)


def must_call(name: str, result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), name)


def may_raise_limits() -> bool:
    """Whether the process has CAP_SYS_RESOURCE."""
    status = Path("/proc/self/status").read_text()
    return bool(int(status.partition("CapEff:")[2].split()[0], 16) >> 24 & 1)


def mount(*options: object) -> None:
    subprocess.run(["mount", *map(str, options)], check=True, stdin=subprocess.DEVNULL)


def read_only(path: Path) -> None:
    mount("--bind", path, path)
    mount("-o", "remount,bind,ro", path)


def own_users(uid: int, gid: int) -> None:
    """A user namespace that has only root and this user. A process outside of it has to say so."""
    here, there = os.pipe(), os.pipe()
    parent = os.getpid()
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    helper = os.fork()
    if helper == 0:
        os.read(here[0], 1)
        for name, number in (("gid_map", gid), ("uid_map", uid)):
            file = os.open(f"{parent}/{name}", os.O_WRONLY, dir_fd=proc)
            os.write(file, f"0 0 1\n{number} {number} 1\n".encode())
            os.close(file)
        os.write(there[1], b"!")
        os._exit(0)
    must_call("unshare", LIBC.unshare(CLONE_NEWUSER))
    os.write(here[1], b"!")
    done = os.read(there[0], 1)
    os.waitpid(helper, 0)
    for descriptor in (*here, *there, proc):
        os.close(descriptor)
    if not done:
        raise SystemExit("the user namespace has no users")


if __name__ == "__main__":
    Confinement(Task(**json.loads(sys.argv[1]))).enter()
