"""Real mail clients, each told to fetch a whole maildrop and to change as little as possible.

A client is called with a server, a user, a TLS mode and an empty directory, and returns the messages as it wrote them.
`received` describes how it is known to change the octets of a message. Any other change is a failure.
"""

from __future__ import annotations

import poplib
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from maildir import make_maildir
from net import HOST

MODES = ("plain", "stls", "tls")
CLIENT_SECONDS = 300
# poplib refuses lines over 2048 octets unless told otherwise.
poplib._MAXLINE = 1 << 20  # type: ignore[attr-defined]


class Server(Protocol):
    """What a client needs to know about a server."""

    plain: int
    tls: int


class Failed(Exception):
    """A client or a check did not do what it should."""


@dataclass(frozen=True)
class Login:
    """The user who fetches, and the authority for the server's certificate."""

    user: str
    password: str
    ca: Path
    apop: bool = False


def run_client(command: list[str], *, accept: tuple[int, ...] = (0,)) -> str:
    """Runs a client program and returns its output. Fails unless it ends with an accepted exit code."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=CLIENT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise Failed(f"{command[0]} was not done after {CLIENT_SECONDS} s") from late
    if done.returncode not in accept:
        said = (done.stdout[-1000:] + done.stderr[-2000:]).decode(errors="replace")
        raise Failed(f"{command[0]} ended with {done.returncode}: {said}")
    return done.stdout.decode(errors="replace")


def secret_file(path: Path, text: str) -> Path:
    """A file that only its owner can read, as fetchmail and mpop require."""
    path.touch(0o600)
    path.write_text(text)
    return path


def files_of(directory: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()]


# poplib


def poplib_session(server: Server, login: Login, mode: str, *, utf8: bool = False) -> poplib.POP3:
    """A poplib session after the login, with UTF8 if requested."""
    context = ssl.create_default_context(cafile=str(login.ca))
    session: poplib.POP3
    if mode == "tls":
        session = poplib.POP3_SSL(HOST, server.tls, context=context, timeout=CLIENT_SECONDS)
    else:
        session = poplib.POP3(HOST, server.plain, timeout=CLIENT_SECONDS)
        if mode == "stls":
            session.stls(context)
    try:
        if utf8:
            session.utf8()
        if login.apop:
            session.apop(login.user, login.password)
        else:
            session.user(login.user)
            session.pass_(login.password)
    except poplib.error_proto:
        session.close()
        raise
    return session


def poplib_message(session: poplib.POP3, number: int) -> bytes:
    return b"".join(line + b"\r\n" for line in session.retr(number)[1])


def fetch_poplib(server: Server, login: Login, mode: str, _directory: Path) -> list[bytes]:
    session = poplib_session(server, login, mode)
    messages = [poplib_message(session, number) for number in range(1, session.stat()[0] + 1)]
    session.quit()
    return messages


# curl


def curl_base(server: Server, login: Login, mode: str) -> list[str]:
    """The options of a curl session that do not select a message."""
    quoted = f"{login.user}:{login.password}".replace("\\", "\\\\").replace('"', '\\"')
    options = [f'user = "{quoted}"', f'cacert = "{login.ca}"', "silent", "show-error", "fail"]
    if mode == "stls":
        options.append("ssl-reqd")
    if login.apop:
        options.append('login-options = "AUTH=+APOP"')
    return options


def curl_url(server: Server, mode: str, path: str = "") -> str:
    return f"pop3s://{HOST}:{server.tls}/{path}" if mode == "tls" else f"pop3://{HOST}:{server.plain}/{path}"


def curl(server: Server, login: Login, mode: str, directory: Path, lines: list[str]) -> str:
    config = secret_file(directory / "curlrc", "\n".join([*curl_base(server, login, mode), *lines]) + "\n")
    said = run_client(["curl", "--config", str(config)])
    config.unlink()
    return said


def fetch_curl(server: Server, login: Login, mode: str, directory: Path) -> list[bytes]:
    listing = curl(server, login, mode, directory, [f'url = "{curl_url(server, mode)}"'])
    wanted = []
    for line in listing.splitlines():
        number = line.split()[0]
        wanted += [f'url = "{curl_url(server, mode, number)}"', f'output = "{directory / number}"']
        # curl creates no file for an empty message.
        (directory / number).touch()
    curl(server, login, mode, directory, wanted)
    return files_of(directory)


# fetchmail


def fetch_fetchmail(server: Server, login: Login, mode: str, directory: Path) -> list[bytes]:
    mail = directory / "mail"
    mail.mkdir()
    port = server.tls if mode == "tls" else server.plain
    # "invisible" omits the Received header. `sslproto ''` prevents it from using STLS by itself.
    security = {
        "plain": "sslproto ''",
        "stls": f'sslproto "TLS1.2+" sslcertck sslcertfile "{login.ca}" sslcommonname "localhost"',
        "tls": f'ssl sslproto "TLS1.2+" sslcertck sslcertfile "{login.ca}" sslcommonname "localhost"',
    }[mode]
    rc = secret_file(directory / "fetchmailrc", f"""
set no syslog
set no bouncemail
set invisible
set idfile "{directory / 'ids'}"
set pidfile "{directory / 'pid'}"
poll localhost via {HOST} protocol {'APOP' if login.apop else 'POP3'} port {port} auth password timeout 120
  user "{login.user}" password "{login.password}" is root here
  {security}
  keep fetchall no rewrite no mimedecode no dropstatus no forcecr no stripcr pass8bits
  mda "cat > $(mktemp {mail}/XXXXXXXX)"
""")
    run_client(["fetchmail", "--fetchmailrc", str(rc), "--nodetach", "--silent", "--nosyslog"])
    return files_of(mail)


# mpop


def mpop_settings(server: Server, mode: str, user: str, password: str, ca: Path, directory: Path, more: str) -> Path:
    """The settings of mpop for an account. It delivers to `mail` in the directory."""
    make_maildir(directory / "mail")
    word = secret_file(directory / "password", password + "\n")
    return secret_file(directory / "mpoprc", f"""
account default
host {HOST}
port {server.tls if mode == 'tls' else server.plain}
user {user}
passwordeval "cat {word}"
tls {'off' if mode == 'plain' else 'on'}
tls_starttls {'on' if mode == 'stls' else 'off'}
tls_trust_file {ca}
timeout 120
keep on
uidls_file {directory / 'uidls'}
delivery maildir {directory / 'mail'}
{more}
""")


def fetch_mpop(server: Server, login: Login, mode: str, directory: Path) -> list[bytes]:
    more = f"auth {'apop' if login.apop else 'user'}\nreceived_header off"
    rc = mpop_settings(server, mode, login.user, login.password, login.ca, directory, more)
    run_client(["mpop", "--file", str(rc), "--quiet"])
    return files_of(directory / "mail")


# What the clients do to the messages


def exact(octets: bytes) -> bytes:
    return octets


def by_mpop(octets: bytes) -> bytes:
    """mpop writes a Maildir with LF for CRLF."""
    return octets.replace(b"\r\n", b"\n")


def by_curl(octets: bytes) -> bytes:
    """curl writes a line end for an empty message."""
    return octets or b"\r\n"


def by_fetchmail(octets: bytes) -> bytes:
    """If a header has no body, fetchmail adds the missing blank line after it."""
    return octets if b"\r\n\r\n" in octets else octets + b"\r\n"


def any_message(_name: str) -> bool:
    return True


def fetchmail_takes(name: str) -> bool:
    """fetchmail skips messages without a header, and breaks lines of more than 8 k in two."""
    return not name.startswith(("no-separator", "blank-line-first", "long-line"))


@dataclass(frozen=True)
class Client:
    """A client: how it fetches, how it changes the octets, and which messages it supports."""

    name: str
    fetch: Callable[[Server, Login, str, Path], list[bytes]]
    received: Callable[[bytes], bytes]
    sets: tuple[str, ...]
    takes: Callable[[str], bool] = any_message


ALL = ("awkward", "odd", "poison", "small", "large")
CLIENTS = (
    Client("poplib", fetch_poplib, exact, ALL),
    Client("curl", fetch_curl, by_curl, ALL),
    Client("fetchmail", fetch_fetchmail, by_fetchmail, ("awkward", "odd", "small", "large"), fetchmail_takes),
    Client("mpop", fetch_mpop, by_mpop, ALL),
)
