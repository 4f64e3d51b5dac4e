"""The same passwd-file for Dovecot and `pop3 serve`: both must let in the same users.

The hashes are made by `doveadm pw` and by crypt(3), when the check runs.
"""

from __future__ import annotations

import os
import poplib
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from checks import Report
from clients import Failed
from dovecot import start_dovecot
from net import HOST, Processes
from ours import start_serve

# Wrong passwords are answered late, so that the checks mostly wait.
WORKERS = 8
PASSWORD = "tanstaaf \u00fc {}$"
# What docs/users.md says is supported.
SCHEMES = (
    "PLAIN", "CLEAR", "CLEARTEXT", "CRYPT", "MD5-CRYPT", "SHA256-CRYPT", "SHA512-CRYPT", "BLF-CRYPT", "ARGON2I",
    "ARGON2ID", "PBKDF2", "SCRAM-SHA-1", "SCRAM-SHA-256", "SSHA", "SSHA256", "SSHA512", "SMD5", "SHA", "SHA1", "SHA256",
    "SHA512", "PLAIN-MD5", "LDAP-MD5", "MD5", "SSHA512.HEX", "SHA.HEX", "PLAIN.B64", "SHA512-CRYPT.B64", "SSHA.BASE64",
)
SETTINGS = ("$y$j9T$abcdefgh1234$", "$y$j75$abcdefgh1234$", "$6$saltsalt$", "$6$rounds=1234$saltsalt$", "$5$saltsalt$",
            "$2b$05$abcdefghijklmnopqrstuu", "$2a$05$abcdefghijklmnopqrstuu", "$1$saltsalt$")
# Lines that have to do with who may log in. `{}` is a password.
LINES = {
    "short": "{}", "long": "{}:1000:1000:gecos:/home/x:/bin/sh:userdb_quota_rule=*:bytes=1M",
    "near": "{}::::::allow_nets=127.0.0.0/8,::1", "far": "{}::::::allow_nets=192.0.2.0/24,2001:db8::/32",
    "one": "{}::::::allow_nets=127.0.0.1", "local": "{}::::::allow_nets=local", "away": "{}::::::nologin",
    "gone": "{}::::::nologin=yes", "both": "{}::::::nodelay=y nologin=y", "empty": "::::::", "star": "*::::::",
    "mark": "!{}::::::",
}


@dataclass
class Case:
    """A user, and who that is."""

    user: str
    line: str
    what: str


def hashed(root: Path, scheme: str) -> str:
    command = ["chroot", str(root)] if root else []
    # A Dovecot that is only unpacked has no settings, and needs none for this.
    command += ["doveadm", "-c", "/dev/null", "pw", "-s", scheme, "-p", PASSWORD]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def crypted(setting: str) -> str:
    """By crypt(3) of this system."""
    command = ["perl", "-e", "print crypt($ENV{WORD}, $ENV{SETTING})"]
    environment = os.environ | {"WORD": PASSWORD, "SETTING": setting}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def cases(root: Path) -> list[Case]:
    found = [Case(f"s{number}", hashed(root, scheme), scheme) for number, scheme in enumerate(SCHEMES)]
    found += [Case(f"c{number}", crypted(setting) + "::::::", setting) for number, setting in enumerate(SETTINGS)]
    word = hashed(root, "SSHA512")
    return found + [Case(name, line.format(word), line) for name, line in LINES.items()]


def admitted(port: int, user: str, password: str) -> bool:
    client = poplib.POP3(HOST, port, timeout=60)
    client.encoding = "utf-8"
    try:
        client.user(user)
        client.pass_(password)
    except poplib.error_proto as refusal:
        if b"[AUTH]" not in refusal.args[0]:
            raise Failed(f"{user}: {refusal}") from refusal
        return False
    finally:
        client.close()
    return True


def check_passwd_file(report: Report, processes: Processes, program: Path, root: Path, work: Path, cert: Path,
                      key: Path) -> None:
    """Logs in as each user, with the right password and a wrong one, to both servers."""
    place = work / "passwd-file"
    place.mkdir()
    users = cases(root)
    lines = "".join(f"{case.user}:{case.line}\n" for case in users)
    dovecot = start_dovecot(processes, root, place, lines, "", cert, key)

    def compare(case: Case) -> None:
        # A server of its own, so that failures are not delayed more and more.
        serve = start_serve(processes, program, place, "tokio", lines, cert, key, "--users-format", "passwd-file")
        try:
            for password in (PASSWORD, PASSWORD + "x"):
                theirs, ours = (admitted(port, case.user, password) for port in (dovecot.plain, serve.plain))
                if theirs != ours:
                    raise Failed(f"{password!r}: Dovecot {'admits' if theirs else 'refuses'} the user, pop3 does not agree")
                if password == PASSWORD and case.user[0] in "sc" and case.user[1:].isdigit() and not ours:
                    raise Failed("both refuse the right password")
        finally:
            serve.stop()

    with ThreadPoolExecutor(WORKERS) as pool:
        checks = [pool.submit(report.check, f"passwd-file: {case.what}", partial(compare, case)) for case in users]
    for check in checks:
        check.result()
