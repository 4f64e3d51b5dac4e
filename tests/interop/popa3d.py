"""popa3d, run like Dovecot and Courier without being installed: unpacked into a directory of its own, by chroot.

It knows no CAPA, no TLS and no AUTH, and serves an mbox file: what a small old server is like. It is run for each
connection, as inetd does, by a thread of this program.
"""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import threading
from pathlib import Path

import corpus
import debian
from net import HOST

PACKAGES = """
popa3d libaudit1 libc6 libcap-ng0 libcom-err2 libcrypt1 libdb5.3 libgssapi-krb5-2 libk5crypto3 libkeyutils1 libkrb5-3
libkrb5support0 libnsl2 libpam-modules libpam0g libpcre2-8-0 libselinux1 libtirpc3
""".split()
UID, MAIL = 1000, 8


def unpack(cache: Path) -> Path:
    """Downloads and unpacks the packages once; returns the root directory."""
    return debian.unpack(cache, "popa3d", PACKAGES, _furnish)


def _furnish(root: Path) -> None:
    """What the installation of the package would have created: directories and devices."""
    for name in ("dev", "run", "tmp", "var/mail", "var/lib/popa3d"):
        (root / name).mkdir(parents=True, exist_ok=True)
    os.chown(root / "var/mail", 0, MAIL)
    os.chmod(root / "var/mail", 0o2775)
    for name, minor in (("null", 3), ("urandom", 9)):
        try:
            os.mknod(root / "dev" / name, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
        except PermissionError:
            (root / "dev" / name).touch(0o666)


def _account(root: Path, user: str, password: str) -> None:
    made = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password, capture_output=True, text=True, check=True)
    (root / "etc/passwd").write_text(
        f"root:x:0:0::/:/bin/sh\npopa3d:x:900:900::/var/lib/popa3d:/bin/false\n{user}:x:{UID}:{UID}::/:/bin/sh\n"
    )
    (root / "etc/group").write_text(f"root:x:0:\nmail:x:{MAIL}:\npopa3d:x:900:\n{user}:x:{UID}:\n")
    (root / "etc/shadow").write_text(f"{user}:{made.stdout.strip()}:19000:0:99999:7:::\n")
    os.chmod(root / "etc/shadow", 0o600)
    (root / "etc/pam.d/popa3d").write_text("auth required pam_unix.so\naccount required pam_permit.so\n")


def _mbox(root: Path, user: str, messages: list[corpus.Message]) -> None:
    """The messages as an mbox file: LF line ends, `From ` quoted, and a blank line between messages."""
    text = b""
    for message in messages:
        body = message.stored.replace(b"\r\n", b"\n").replace(b"\nFrom ", b"\n>From ")
        text += b"From alice@example.org Thu Jan  1 00:00:00 2026\n" + body.rstrip(b"\n") + b"\n\n"
    path = root / "var/mail" / user
    path.write_bytes(text)
    os.chown(path, UID, MAIL)
    os.chmod(path, 0o600)


class Popa3d:
    """A listener that starts popa3d for each connection."""

    def __init__(self, root: Path, user: str, password: str, messages: list[corpus.Message]) -> None:
        _account(root, user, password)
        _mbox(root, user, messages)
        self.root = root
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        self.running: list[subprocess.Popen[bytes]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.running.append(subprocess.Popen(
                    ["setpriv", "--pdeathsig", "TERM", "chroot", str(self.root), "/usr/sbin/popa3d"],
                    stdin=connection, stdout=connection, stderr=subprocess.DEVNULL, start_new_session=True,
                ))
            self.running = [one for one in self.running if one.poll() is None]

    def stop(self) -> None:
        self.listener.close()
        for one in self.running:
            if one.poll() is None:
                one.terminate()
                one.wait(5)
