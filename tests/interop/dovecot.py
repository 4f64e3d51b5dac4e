"""A Dovecot for the differential test: without delays, and with what `pop3 serve` offers."""

from __future__ import annotations

import atexit
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from dovecot_settings import NO_PENALTIES, settings
from net import Processes, free_ports, wait_for_ports

UID = GID = 1000


@dataclass
class Dovecot:
    """A running Dovecot. Its directory is `home`, which it sees as `inside` if it runs in a chroot."""

    plain: int
    tls: int
    home: Path
    log: Path

    def maildir(self, user: str) -> Path:
        return self.home / "mail" / user


def start_dovecot(processes: Processes, root: Path | None, work: Path, users: list[str] | str, password: str,
                  cert: Path, key: Path, more: str = "") -> Dovecot:
    """Starts the Dovecot that is installed, or with `root` the one that is unpacked there.

    `users` contains names, or the lines of a passwd-file. `more` is added to the settings.
    """
    home = root / f"tmp/{os.getpid()}-{work.name}" if root else work / "dovecot"
    inside = Path("/") / home.relative_to(root) if root else home
    plain, tls = free_ports(2)
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    (home / "mail").mkdir(parents=True)
    (home / "run").mkdir()
    os.chown(home / "mail", UID, GID)
    shutil.copy(cert, home / "cert.pem")
    shutil.copy(key, home / "key.pem")
    lines = users if isinstance(users, str) else "".join(f"{user}:{{PLAIN}}{password}\n" for user in users)
    (home / "users").write_text(lines)
    for path in (*([] if root else [work]), home):
        path.chmod(0o755)
    (home / "users").chmod(0o644)
    (home / "dovecot.conf").write_text(settings(
        f"{inside}/run", f"{inside}/dovecot.log", str(inside), plain, tls, NO_PENALTIES + USERS.format(home=inside, uid=UID, gid=GID), LOGIN,
    ) + more)
    log = home / "dovecot.log"
    log.write_text("")
    chroot = ["chroot", str(root)] if root else []
    process = processes.start([*chroot, "/usr/sbin/dovecot", "-F", "-c", str(inside / "dovecot.conf")], work / "dovecot.out")
    wait_for_ports((plain, tls), process, log)
    return Dovecot(plain, tls, home, log)


USERS = """\
auth_mechanisms = plain login
first_valid_uid = 500
mail_location = maildir:{home}/mail/%u
mail_max_userip_connections = 0
mail_fsync = never
passdb {{
  driver = passwd-file
  args = username_format=%u {home}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={home}/mail/%u
}}
service pop3 {{
  service_count = 0
  client_limit = 100
  process_min_avail = 1
}}
"""
LOGIN = """\
  service_count = 0
  process_min_avail = 1"""
