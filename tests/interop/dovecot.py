"""A Dovecot for the differential test: without delays, and with what `pop3 serve` offers."""

from __future__ import annotations

import atexit
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from net import HOST, Processes, free_ports, wait_for_port

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


def start_dovecot(processes: Processes, root: Path | None, work: Path, users: list[str], password: str, cert: Path, key: Path,
                  settings: str = "") -> Dovecot:
    """Starts the Dovecot that is installed, or with `root` the one that is unpacked there. `settings` are added to its own."""
    home = root / f"tmp/{os.getpid()}-{work.name}" if root else work / "dovecot"
    inside = Path("/") / home.relative_to(root) if root else home
    plain, tls = free_ports(2)
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    (home / "mail").mkdir(parents=True)
    (home / "run").mkdir()
    os.chown(home / "mail", UID, GID)
    shutil.copy(cert, home / "cert.pem")
    shutil.copy(key, home / "key.pem")
    (home / "users").write_text("".join(f"{user}:{{PLAIN}}{password}\n" for user in users))
    for path in (*([] if root else [work]), home):
        path.chmod(0o755)
    (home / "users").chmod(0o644)
    (home / "dovecot.conf").write_text(CONFIGURATION.format(home=inside, plain=plain, tls=tls, host=HOST, uid=UID, gid=GID) + settings)
    log = home / "dovecot.log"
    log.write_text("")
    chroot = ["chroot", str(root)] if root else []
    process = processes.start([*chroot, "/usr/sbin/dovecot", "-F", "-c", str(inside / "dovecot.conf")], work / "dovecot.out")
    for port in (plain, tls):
        wait_for_port(port, process, log)
    return Dovecot(plain, tls, home, log)


CONFIGURATION = """\
base_dir = {home}/run
state_dir = {home}/run
log_path = {home}/dovecot.log
protocols = pop3
listen = {host}
ssl = yes
ssl_cert = <{home}/cert.pem
ssl_key = <{home}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
first_valid_uid = 500
mail_location = maildir:{home}/mail/%u
mail_max_userip_connections = 0
mail_fsync = never
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {home}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={home}/mail/%u
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service pop3-login {{
  service_count = 0
  process_min_avail = 1
  inet_listener pop3 {{
    port = {plain}
  }}
  inet_listener pop3s {{
    port = {tls}
    ssl = yes
  }}
}}
service pop3 {{
  service_count = 0
  client_limit = 100
  process_min_avail = 1
}}
"""
