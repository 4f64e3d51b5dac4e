"""Filters of system calls, as systemd.exec(5) describes them, made with libseccomp."""

from __future__ import annotations

import ctypes
import errno
import re
import socket
import subprocess
from dataclasses import dataclass, field

LIB = ctypes.CDLL("libseccomp.so.2", use_errno=True)
LIB.seccomp_init.restype = ctypes.c_void_p
LIB.seccomp_init.argtypes = [ctypes.c_uint32]
LIB.seccomp_load.argtypes = [ctypes.c_void_p]
LIB.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
ALLOW = 0x7FFF0000
NOT_EQUAL, EQUAL, GREATER, MASKED = 1, 4, 6, 7
AF_MAX = 46
CLONES = (0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
PROT_WRITE_EXEC, PROT_EXEC, SHM_EXEC = 6, 4, 0o100000
SET_IDS = (0o4000, 0o2000)
O_CREAT = 0o100
# What systemd counts as not real time: SCHED_OTHER, SCHED_BATCH and SCHED_IDLE.
POLICIES = (0, 3, 5)


class Comparison(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


LIB.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(Comparison)]


def refused(number: int) -> int:
    """The action that ends a call with this error."""
    return 0x00050000 | number


@dataclass
class Filter:
    """What happens to calls, unless a rule says something else."""

    default: int
    rules: int = 0
    context: int = field(init=False)

    def __post_init__(self) -> None:
        self.context = LIB.seccomp_init(self.default)

    def rule(self, action: int, name: str, *comparisons: tuple[int, int, int, int]) -> None:
        """What happens to this call if the arguments compare so. A call that this machine does not have is left out."""
        number = LIB.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            return
        array = (Comparison * len(comparisons))(*(Comparison(*one) for one in comparisons))
        result = LIB.seccomp_rule_add_array(self.context, action, number, len(comparisons), array)
        if result:
            raise OSError(-result, f"seccomp: {name}")
        self.rules += 1

    def load(self) -> None:
        result = LIB.seccomp_load(self.context)
        if result:
            raise OSError(-result, "seccomp")


def members(name: str) -> set[str]:
    """The calls of a set such as @system-service, or the call itself."""
    if not name.startswith("@"):
        return {name}
    shown = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", name], check=True, capture_output=True, text=True).stdout
    found = re.findall(r"^    ([@\w-]+)$", re.sub(r"\x1b\[[\d;]*m", "", shown), re.MULTILINE)
    return {call for one in found for call in members(one)}


def permitted(lines: list[str]) -> set[str]:
    """What the lines of SystemCallFilter= permit. A line that begins with `~` takes away from those before it."""
    allowed: set[str] = set()
    for line in lines:
        named = {call for word in line.removeprefix("~").split() for call in members(word)}
        allowed = allowed - named if line.startswith("~") else allowed | named
    # A list of names only is one that was made here.
    return allowed | members("@default") if any("@" in line for line in lines) else allowed


def only(calls: set[str]) -> Filter:
    made = Filter(refused(errno.EPERM))
    for call in sorted(calls):
        made.rule(ALLOW, call)
    if made.rules < 100:
        raise SystemExit(f"the filter permits only {made.rules} system calls")
    return made


def only_families(names: list[str]) -> Filter:
    made, allowed = Filter(ALLOW), {getattr(socket, name) for name in names}
    action = refused(errno.EAFNOSUPPORT)
    for family in set(range(AF_MAX)) - allowed:
        made.rule(action, "socket", (0, EQUAL, family, 0))
    made.rule(action, "socket", (0, GREATER, AF_MAX - 1, 0))
    return made


def no_writable_code() -> Filter:
    made, action = Filter(ALLOW), refused(errno.EPERM)
    made.rule(action, "mmap", (2, MASKED, PROT_WRITE_EXEC, PROT_WRITE_EXEC))
    for call in ("mprotect", "pkey_mprotect"):
        made.rule(action, call, (2, MASKED, PROT_EXEC, PROT_EXEC))
    made.rule(action, "shmat", (2, MASKED, SHM_EXEC, SHM_EXEC))
    return made


def no_namespaces() -> Filter:
    made, action = Filter(ALLOW), refused(errno.EPERM)
    # Its flags are in memory, where no filter sees them. Programs then use clone.
    made.rule(refused(errno.ENOSYS), "clone3")
    made.rule(action, "setns")
    for flag in CLONES:
        made.rule(action, "unshare", (0, MASKED, flag, flag))
        made.rule(action, "clone", (0, MASKED, flag, flag))
    return made


def no_set_ids() -> Filter:
    made, action = Filter(ALLOW), refused(errno.EPERM)
    for bit in SET_IDS:
        for call, at in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("mkdir", 1), ("mkdirat", 2), ("mknod", 1), ("mknodat", 2), ("creat", 1)):
            made.rule(action, call, (at, MASKED, bit, bit))
        made.rule(action, "open", (1, MASKED, O_CREAT, O_CREAT), (2, MASKED, bit, bit))
        made.rule(action, "openat", (2, MASKED, O_CREAT, O_CREAT), (3, MASKED, bit, bit))
    made.rule(refused(errno.ENOSYS), "openat2")
    return made


def no_realtime() -> Filter:
    made, action = Filter(ALLOW), refused(errno.EPERM)
    for policy in sorted(set(range(max(POLICIES) + 1)) - set(POLICIES)):
        made.rule(action, "sched_setscheduler", (1, EQUAL, policy, 0))
    made.rule(action, "sched_setscheduler", (1, GREATER, max(POLICIES), 0))
    made.rule(action, "sched_setattr")
    return made


def one_personality() -> Filter:
    made = Filter(ALLOW)
    made.rule(refused(errno.EPERM), "personality", (0, NOT_EQUAL, 0, 0))
    return made


# The settings that are filters, each with what makes it, in the order in which they are loaded: the list of permitted calls
# comes last, as loading a filter is a call, too.
FILTERS = {
    "RestrictAddressFamilies": lambda value: only_families(value.split()),
    "MemoryDenyWriteExecute": lambda _: no_writable_code(),
    "RestrictNamespaces": lambda _: no_namespaces(),
    "RestrictSUIDSGID": lambda _: no_set_ids(),
    "RestrictRealtime": lambda _: no_realtime(),
    "LockPersonality": lambda _: one_personality(),
}
# They say how the list of permitted calls is meant. libseccomp kills for calls of another architecture.
ABOUT_LIST = {"SystemCallArchitectures": "native", "SystemCallErrorNumber": "EPERM"}


def load(settings: dict[str, list[str]]) -> None:
    """Loads the filters of a unit. From now on, they hold for this process and its children."""
    for name, value in ABOUT_LIST.items():
        if settings.get(name, [value])[-1] != value:
            raise SystemExit(f"{name} is expected to be {value}")
    filters = [make(settings[name][-1]) for name, make in FILTERS.items() if settings.get(name, ["no"])[-1] != "no"]
    if "SystemCallFilter" in settings:
        filters.append(only(permitted(settings["SystemCallFilter"])))
    for one in filters:
        one.load()


def parted(settings: dict[str, list[str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The settings that are filters, with all names of calls, and the others."""
    names = {*FILTERS, *ABOUT_LIST, "SystemCallFilter"}
    filters = {name: lines for name, lines in settings.items() if name in names}
    if "SystemCallFilter" in filters:
        filters["SystemCallFilter"] = [" ".join(sorted(permitted(filters["SystemCallFilter"])))]
    return filters, {name: lines for name, lines in settings.items() if name not in names}
