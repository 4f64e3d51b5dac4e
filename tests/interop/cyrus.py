"""Cyrus: pop3d with passwords in a sasldb, so that every mechanism of Cyrus SASL works."""

from __future__ import annotations

import os
import re
import shutil
import smtplib
import socket
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

import corpus
from net import HOST, Processes, free_ports, wait_for_ports
from peers import ACCOUNTS, Peer

MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "EXTERNAL", "ANONYMOUS", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass
class Cyrus(Peer):
    """A running Cyrus. It stores mail in its own format, so messages are delivered by LMTP."""

    anonymous: str = "anonymous"

    def mechanisms_used(self, user: str, mark: int) -> list[str]:
        found = self.logged(mark, rf"login: \S+ {re.escape(user)} ([A-Za-z0-9-]+)\S* User logged in")
        return ["USER" if one == "plaintext" else one for one in found]

    def fill(self, user: str, messages: list[corpus.Message]) -> None:
        """Puts the messages into the user's mailbox, which must be new."""
        with smtplib.LMTP(str(self.root / "run/cyrus/socket/lmtp"), local_hostname="localhost") as lmtp:
            for message in messages:
                lmtp.sendmail("sender@localhost", [user], message.wire)


def start_cyrus(processes: Processes, root: Path, users: dict[str, str], cert: Path, key: Path, ca: Path) -> Cyrus:
    """Cyrus with plain text, STLS and implicit TLS. It accepts client certificates from the authority `ca`."""
    plain, tls = free_ports(2)
    peer = Cyrus("cyrus", plain, tls, root, "", root / "var/log/cyrus.log", list(users))
    peer.log.write_text("")
    _collect_syslog(root / "dev/log", peer.log)
    for name in ("var/lib/cyrus", "var/spool/cyrus/mail", "run/cyrus"):
        shutil.rmtree(root / name, ignore_errors=True)
    for name in ("var/lib/cyrus", "var/lib/cyrus/db", "var/lib/cyrus/socket", "var/spool/cyrus/mail", "run/cyrus",
                 "run/cyrus/proc", "run/cyrus/lock", "run/cyrus/socket"):
        (root / name).mkdir(parents=True, exist_ok=True)
        os.chown(root / name, ACCOUNTS["cyrus"], ACCOUNTS["mail"])
    for source, name in ((cert, "cyrus-cert.pem"), (key, "cyrus-key.pem"), (ca, "cyrus-ca.pem")):
        shutil.copy(source, root / "etc/tls" / name)
        os.chown(root / "etc/tls" / name, ACCOUNTS["cyrus"], ACCOUNTS["mail"])
    (root / "etc/imapd.conf").write_text(f"""
configdirectory: /var/lib/cyrus
proc_path: /run/cyrus/proc
mboxname_lockpath: /run/cyrus/lock
lmtpsocket: /run/cyrus/socket/lmtp
defaultpartition: default
partition-default: /var/spool/cyrus/mail
servername: localhost
admins: cyrus
allowplaintext: yes
allowanonymouslogin: yes
allowapop: yes
autocreate_quota: 0
autocreate_post: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: /var/lib/cyrus/sasldb2
sasl_mech_list: {' '.join(MECHANISMS)}
sasl_minimum_layer: 0
tls_server_cert: /etc/tls/cyrus-cert.pem
tls_server_key: /etc/tls/cyrus-key.pem
tls_client_ca_file: /etc/tls/cyrus-ca.pem
tls_client_certs: optional
popminpoll: 0
poptimeout: 10
""")
    (root / "etc/cyrus.conf").write_text(f"""
START {{
  recover cmd="/usr/lib/cyrus/bin/ctl_cyrusdb -r"
}}
SERVICES {{
  pop3 cmd="/usr/lib/cyrus/bin/pop3d -U 30" listen="{HOST}:{plain}" prefork=0 maxchild=50
  pop3s cmd="/usr/lib/cyrus/bin/pop3d -U 30 -s" listen="{HOST}:{tls}" prefork=0 maxchild=50
  lmtp cmd="/usr/lib/cyrus/bin/lmtpd" listen="/run/cyrus/socket/lmtp" prefork=0 maxchild=5
}}
EVENTS {{
}}
""")
    for user, password in users.items():
        subprocess.run(
            ["chroot", root, "/usr/sbin/saslpasswd2", "-p", "-c", "-f", "/var/lib/cyrus/sasldb2", "-u", "localhost", user],
            input=password.encode(), check=True, capture_output=True,
        )
    os.chown(root / "var/lib/cyrus/sasldb2", ACCOUNTS["cyrus"], ACCOUNTS["mail"])
    process = processes.start(
        ["chroot", str(root), "/usr/lib/cyrus/bin/master", "-C", "/etc/imapd.conf", "-M", "/etc/cyrus.conf",
         "-p", "/run/cyrus/master.pid"], peer.log,
    )
    wait_for_ports((plain, tls), process, peer.log)
    return peer


def _collect_syslog(path: Path, log: Path) -> None:
    """Listens where programs in the chroot send to syslog, and writes their messages to the log."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(path))
    path.chmod(0o666)

    def collect() -> None:
        with log.open("ab", buffering=0) as out:
            while True:
                out.write(listener.recv(65536) + b"\n")

    threading.Thread(target=collect, daemon=True).start()
