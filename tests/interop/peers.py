"""Dovecot and Courier, run side by side without being installed.

Debian's packages of POP3 servers conflict with each other. Their packages, and the libraries that they need, are
therefore downloaded and unpacked into one directory, and run there with chroot. Nothing on the machine changes, and both
find the paths that are compiled into them. This needs Debian 12, root, and apt-get's package lists.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import corpus
import debian
from debian import Missing
from dovecot_settings import NO_PENALTIES, settings
from net import HOST, Processes, free_ports, wait_for_ports
from tokens import start_introspection

PACKAGES = """
dovecot-core dovecot-pop3d courier-pop courier-base courier-authlib courier-authlib-userdb
libaudit1 libbz2-1.0 libc6 libcap-ng0 libcap2 libcourier-unicode4 libcrypt1 libffi8 libgcc-s1 libgcrypt20 libgdbm6
libgmp10 libgnutls30 libgpg-error0 libhogweed6 libidn12 libidn2-0 libltdl7 liblz4-1 liblzma5 libnettle8 libp11-kit0
libpam0g libpcre3 libsodium23 libssl3 libstdc++6 libsystemd0 libtasn1-6 libtirpc3 libunistring2 libunwind8 libwrap0
libzstd1 zlib1g
cyrus-common cyrus-pop3d sasl2-bin libsasl2-2 libsasl2-modules libsasl2-modules-db libcom-err2 libdb5.3
libgssapi-krb5-2 libical3 libicu72 libjansson4 libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 libldap-2.5-0 libnsl2
libpq5 libsqlite3-0 libuuid1 libxapian30 libxml2 tzdata
""".split()

UID = GID = 1000
ACCOUNTS = {"root": 0, "dovecot": 901, "dovenull": 902, "courier": 903, "cyrus": 904, "nobody": 65534, "mail": UID}


def unpack(cache: Path) -> Path:
    """Downloads and unpacks the packages once. Returns the root directory of the peers."""
    return debian.unpack(cache, "Dovecot, Courier and Cyrus", PACKAGES, _furnish)


def _furnish(root: Path) -> None:
    """What the installation of a package would have created: accounts, directories, devices."""
    passwd = [f"{name}:x:{uid}:{uid}::/home/{name}:/bin/false\n" for name, uid in ACCOUNTS.items()]
    group = [f"{name}:x:{uid}:\n" for name, uid in ACCOUNTS.items()]
    (root / "etc/passwd").write_text("".join(passwd))
    (root / "etc/group").write_text("".join(group))
    for name in ("dev", "home", "run/courier/authdaemon", "tmp", "var/lib/courier", "var/lib/dovecot",
                 "var/log", "etc/tls"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, minor in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
        try:
            os.mknod(root / "dev" / name, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
            os.chmod(root / "dev" / name, 0o666)
        except PermissionError:
            # In a container without mknod, an empty file replaces /dev/null, and OpenSSL asks the kernel.
            (root / "dev" / name).touch(0o666)
    os.chown(root / "run/courier", ACCOUNTS["courier"], ACCOUNTS["courier"])
    os.chown(root / "var/lib/courier", ACCOUNTS["courier"], ACCOUNTS["courier"])
    tried = subprocess.run(
        ["chroot", root, "/usr/sbin/dovecot", "--version"], capture_output=True, stdin=subprocess.DEVNULL, check=False
    )
    if tried.returncode:
        raise Missing(f"cannot run programs by chroot in {root}: {tried.stderr.decode()}")


@dataclass
class Peer:
    """A running server, with its ports and its maildrops."""

    name: str
    plain: int
    tls: int
    root: Path
    home: str
    log: Path
    users: list[str] = field(default_factory=list)

    def maildir(self, user: str) -> Path:
        return self.root / self.home / user / "Maildir"

    def fill(self, user: str, messages: list[corpus.Message]) -> None:
        """Replaces the contents of the user's maildrop by the messages."""
        home = self.maildir(user).parent
        if home.exists():
            # The old maildrop is moved first, because a session that is still ending may write to it.
            old = Path(tempfile.mkdtemp(dir=self.root / "tmp"))
            home.rename(old / "home")
            shutil.rmtree(old, ignore_errors=True)
        home.mkdir(parents=True)
        os.chown(home, UID, GID)
        corpus.write_maildir(self.maildir(user), messages, (UID, GID))

    def deliver(self, user: str, message: corpus.Message, number: int) -> None:
        """Adds a message to the maildrop, as the newest one."""
        corpus.write_message(self.maildir(user), message, number, (UID, GID))

    def stored(self, user: str) -> int:
        """How many messages the user's Maildir contains."""
        return sum(len(os.listdir(self.maildir(user) / sub)) for sub in ("cur", "new"))

    def logged(self, mark: int, pattern: str) -> list[str]:
        """What the group of the pattern is wherever it matches, since the log had this length."""
        with self.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(mark)
            return re.findall(pattern, log.read())

    def mechanisms_used(self, user: str, mark: int) -> list[str]:
        """The mechanisms by which the user has logged in since the log had this length."""
        raise NotImplementedError

    def check_refusal(self, _said: str) -> None:
        """The reply texts of other servers are not checked."""


@dataclass
class Dovecot(Peer):
    """A running Dovecot, which logs how its users log in."""

    anonymous: str = "anonymous"

    def mechanisms_used(self, user: str, mark: int) -> list[str]:
        found = self.logged(mark, rf"Login: user=<{re.escape(user)}>, method=([^,\s]+)")
        return ["USER", "PLAIN"] * ("PLAIN" in found) + found


# The mechanisms that both Dovecot 2.3 and we support.
DOVECOT_MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "EXTERNAL", "ANONYMOUS", "XOAUTH2",
                      "OAUTHBEARER")


def start_dovecot(processes: Processes, root: Path, users: dict[str, str], cert: Path, key: Path, ca: Path) -> Dovecot:
    """Dovecot with plain text, STLS and implicit TLS. Passwords are stored in plain text, so that APOP works, too.

    It accepts client certificates from the authority `ca`, and verifies tokens with `tokens.py`.
    """
    plain, tls = free_ports(2)
    peer = Dovecot("dovecot", plain, tls, root, "home/dovecot", root / "var/log/dovecot.log", list(users))
    peer.log.write_text("")
    shutil.copy(cert, root / "etc/tls/cert.pem")
    shutil.copy(key, root / "etc/tls/key.pem")
    shutil.copy(ca, root / "etc/tls/ca.pem")
    (root / "etc/dovecot/users").write_text("".join(f"{name}:{{PLAIN}}{word}\n" for name, word in users.items()))
    (root / "etc/dovecot/tokens.conf").write_text(f"""
introspection_mode = auth
introspection_url = {start_introspection()}
username_attribute = username
active_attribute = active
active_value = true
""")
    more = f"""\
ssl_ca = </etc/tls/ca.pem
ssl_verify_client_cert = yes
ssl_require_crl = no
auth_ssl_username_from_cert = yes
auth_mechanisms = {' '.join(DOVECOT_MECHANISMS).lower()} apop
auth_anonymous_username = anonymous
first_valid_uid = {UID}
mail_location = maildir:~/Maildir
mail_max_userip_connections = 100
passdb {{
  driver = static
  mechanisms = external
  args = nopassword=y
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = /etc/dovecot/tokens.conf
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256 apop
  args = scheme=PLAIN username_format=%u /etc/dovecot/users
}}
userdb {{
  driver = static
  args = uid={UID} gid={GID} home=/home/dovecot/%u
}}
"""
    (root / "etc/dovecot/interop.conf").write_text(
        settings(f"/run/dovecot-{os.getpid()}", "/var/log/dovecot.log", "/etc/tls", plain, tls, NO_PENALTIES + more)
    )
    process = processes.start(
        ["chroot", str(root), "/usr/sbin/dovecot", "-F", "-c", "/etc/dovecot/interop.conf"], peer.log
    )
    wait_for_ports((plain, tls), process, peer.log)
    return peer


def start_courier(processes: Processes, root: Path, users: dict[str, str], cert: Path, key: Path) -> Peer:
    """Courier: one authdaemond, and one couriertcpd each for the plain port (with STLS) and the TLS port."""
    plain, tls = free_ports(2)
    peer = Peer("courier", plain, tls, root, "home/courier", root / "var/log/courier.log", list(users))
    peer.log.write_text("")
    (root / "etc/tls/both.pem").write_text(cert.read_text() + key.read_text())
    os.chown(root / "etc/tls/both.pem", ACCOUNTS["courier"], ACCOUNTS["courier"])
    os.chmod(root / "etc/tls/both.pem", 0o600)
    cache = root / "var/lib/courier/cache"
    cache.touch(0o600)
    os.chown(cache, ACCOUNTS["courier"], ACCOUNTS["courier"])
    (root / "etc/courier/authdaemonrc").write_text(
        'authmodulelist="authuserdb"\nauthmodulelistorig="authuserdb"\ndaemons=2\nauthdaemonvar=/run/courier/authdaemon\n'
        "DEBUG_LOGIN=0\nDEFAULTOPTIONS=\"\"\nLOGGEROPTS=\"\"\n"
    )
    open_part = "".join(f"{u}\tuid={UID}|gid={GID}|home=/home/courier/{u}|mail=/home/courier/{u}/Maildir\n" for u in users)
    hashes = {user: _crypt(word) for user, word in users.items()}
    secret_part = "".join(f"{user}\tpop3pw={hashes[user]}|systempw={hashes[user]}\n" for user in users)
    for name, content in (("userdb", open_part), ("userdbshadow", secret_part)):
        (root / "etc/courier" / f"{name}.dat").unlink(missing_ok=True)
        subprocess.run(
            ["chroot", root, "/usr/lib/courier/courier-authlib/makedatprog", "-", f"/etc/courier/{name}.tmp",
             f"/etc/courier/{name}.dat"],
            input=content.encode() + b".\n", check=True, capture_output=True,
        )
    (root / "etc/courier/userdb").write_text(open_part)
    os.chmod(root / "etc/courier/userdb", 0o600)

    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "POP3AUTH": "PLAIN LOGIN", "POP3AUTH_TLS": "PLAIN LOGIN", "POP3_PROXY": "0",
        "COURIERTLS": "/usr/bin/couriertls", "TLS_CERTFILE": "/etc/tls/both.pem", "TLS_VERIFYPEER": "NONE",
        "TLS_CACHEFILE": "/var/lib/courier/cache", "TLS_CACHESIZE": "524288", "TLS_PROTOCOL": "TLS1.2+",
        "MIME_UNICODE_MESSAGE_TYPE": "message/global", "MAILDIRPATH": "Maildir", "POP3_TLS_REQUIRED": "0",
    }
    daemon = processes.start(
        ["chroot", str(root), "/usr/lib/courier/courier-authlib/authdaemond"], peer.log, env=environment
    )
    listen = ["chroot", str(root), "/usr/sbin/couriertcpd", f"-address={HOST}", "-maxprocs=40", "-maxperip=40",
              "-nodnslookup", "-noidentlookup"]
    serve = ["/usr/lib/courier/courier/courierpop3login", "/usr/lib/courier/courier/courierpop3d", "Maildir"]
    on_plain = processes.start([*listen, str(plain), *serve], peer.log, env=environment | {"POP3_STARTTLS": "YES"})
    on_tls = processes.start(
        [*listen, str(tls), "/usr/bin/couriertls", "-server", "-tcpd", "-user=courier", *serve], peer.log,
        env=environment | {"POP3_STARTTLS": "NO", "POP3_TLS": "1"},
    )
    wait_for_ports([plain], on_plain, peer.log)
    wait_for_ports([tls], on_tls, peer.log)
    if daemon.poll() is not None:
        raise RuntimeError(f"authdaemond ended:\n{peer.log.read_text(errors='replace')}")
    return peer


def _crypt(password: str) -> str:
    """The password as a crypt(3) hash from openssl."""
    made = subprocess.run(
        ["openssl", "passwd", "-5", "-salt", "interop", "-stdin"],
        input=password, capture_output=True, text=True, check=True,
    )
    return made.stdout.strip()
