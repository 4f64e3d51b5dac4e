"""Real clients, each told to log in with one mechanism and to count the messages.

A login is called with a server, a user's credentials, a mechanism and a TLS mode. It returns the count, or raises
`Refused` if the server refuses the login. Anything else is a failure. An empty mechanism means the client's choice.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from clients import CLIENT_SECONDS, Failed, Server, curl_url, mpop_settings, poplib_session, secret_file
from net import HOST

HERE = Path(__file__).resolve().parent


class Refused(Exception):
    """The server refused the credentials. The text is the output of the client."""


@dataclass(frozen=True)
class Credentials:
    """Everything with which a user can log in."""

    user: str
    password: str
    token: str
    ca: Path
    cert: Path
    key: Path
    apop: bool = False


TOKENS = ("XOAUTH2", "OAUTHBEARER")


def secret_for(mechanism: str, who: Credentials) -> str:
    return who.token if mechanism in TOKENS else who.password


def outcome(command: list[str], refused: Callable[[int, str], bool], **options: object) -> str:
    """Runs a client. Distinguishes a refusal from other failures by the exit code and the output."""
    try:
        done = subprocess.run(
            command, **{"stdin": subprocess.DEVNULL, **options}, capture_output=True, timeout=CLIENT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise Failed(f"{command[0]} was not done after {CLIENT_SECONDS} s") from late
    said = (done.stdout[-1000:] + done.stderr[-2000:]).decode(errors="replace").strip()
    if done.returncode == 0:
        return done.stdout.decode(errors="replace")
    if refused(done.returncode, said):
        raise Refused(said)
    raise Failed(f"{command[0]} ended with {done.returncode}: {said}")


def by_curl(server: Server, who: Credentials, mechanism: str, mode: str, directory: Path) -> int:
    quoted = who.password.replace("\\", "\\\\").replace('"', '\\"')
    lines = [f'url = "{curl_url(server, mode)}"', f'cacert = "{who.ca}"', "silent", "show-error"]
    if mode == "stls":
        lines.append("ssl-reqd")
    if mechanism in TOKENS:
        lines += [f'user = "{who.user}"', f'oauth2-bearer = "{who.token}"']
    elif mechanism == "EXTERNAL":
        # curl uses only the user of the URL or of this option.
        lines += [f'user = "{who.user}:"', f'cert = "{who.cert}"', f'key = "{who.key}"']
    else:
        lines.append(f'user = "{who.user}:{quoted}"')
    if mechanism:
        lines.append(f'login-options = "AUTH={mechanism}"')
    config = secret_file(directory / "curlrc", "\n".join(lines) + "\n")
    # 67: login denied.
    listing = outcome(["curl", "--config", str(config)], lambda code, _: code == 67)
    return len(listing.splitlines())


def by_mpop(server: Server, who: Credentials, mechanism: str, mode: str, directory: Path,
            program: tuple[str, ...] = ("mpop",)) -> int:
    more = f"auth {mechanism.lower() or 'on'}"
    if mechanism == "EXTERNAL":
        more += f"\ntls_cert_file {who.cert}\ntls_key_file {who.key}"
    rc = mpop_settings(server, mode, who.user, secret_for(mechanism, who), who.ca, directory, more)
    outcome([*program, "--file", str(rc), "--quiet"], lambda code, said: code == 77 and "authentication failed" in said)
    return len(os.listdir(directory / "mail/new"))


def by_fetchmail(server: Server, who: Credentials, mechanism: str, mode: str, directory: Path) -> int:
    mail = directory / "mail"
    mail.mkdir()
    auth = {"": "any", "USER": "password", "CRAM-MD5": "cram-md5", "EXTERNAL": "external"}[mechanism]
    certificate = f'sslcert "{who.cert}" sslkey "{who.key}"' if mechanism == "EXTERNAL" else ""
    rc = secret_file(directory / "fetchmailrc", f"""
set no syslog
set no bouncemail
set idfile "{directory / 'ids'}"
set pidfile "{directory / 'pid'}"
poll localhost via {HOST} protocol POP3 port {server.tls if mode == 'tls' else server.plain} auth {auth} timeout 60
  user "{who.user}" password "{who.password}" is root here
  {'ssl' if mode == 'tls' else ''} sslproto "TLS1.2+" sslcertck sslcertfile "{who.ca}" sslcommonname "localhost" {certificate}
  keep fetchall
  mda "cat > $(mktemp {mail}/XXXXXXXX)"
""")
    outcome(["fetchmail", "--fetchmailrc", str(rc), "--nodetach", "--silent", "--nosyslog"], lambda code, _: code == 3)
    return len(os.listdir(mail))


def by_poplib(server: Server, who: Credentials, mechanism: str, mode: str, _directory: Path) -> int:
    import poplib

    try:
        session = poplib_session(server, who, mode, utf8=mechanism == "UTF8")  # type: ignore[arg-type]
    except poplib.error_proto as error:
        raise Refused(str(error)) from error
    count = session.stat()[0]
    session.quit()
    return count


# mutt


def by_mutt(server: Server, who: Credentials, mechanism: str, mode: str, directory: Path, program: str = "mutt") -> int:
    mailbox = directory / "mbox"
    mailbox.touch()
    quoted = who.password.replace("\\", "\\\\").replace('"', '\\"')
    token = secret_file(directory / "token", who.token)
    scheme, port = ("pops", server.tls) if mode == "tls" else ("pop", server.plain)
    rc = secret_file(directory / "muttrc", f"""
set pop_host="{scheme}://localhost:{port}"
set pop_user="{who.user}"
set pop_pass="{quoted}"
{f'set pop_oauth_refresh_command="cat {token}"' if mechanism in TOKENS else ''}
{f'set pop_authenticators="{mechanism.lower()}"' if mechanism else ''}
set pop_delete=no
set pop_last=no
set ssl_starttls=yes
set ssl_force_tls=yes
set certificate_file="{who.ca}"
{f'set ssl_client_cert="{client_pem(who, directory)}"' if mechanism == 'EXTERNAL' else ''}
set header_cache=""
set mbox_type=mbox
set spoolfile="{mailbox}"
set folder="{directory}"
set record=""
set confirmappend=no
set sleep_time=0
set wait_key=no
set quit=yes
""")
    log = directory / ".muttdebug0"
    screen = on_terminal(
        [program, "-d", "2", *(["-l", str(log)] if program == "neomutt" else []), "-n", "-F", str(rc), "-f", str(mailbox),
         "-e", 'push "<fetch-mail><sync-mailbox><exit>"'], directory
    )
    count = len(re.findall(rb"^From ", mailbox.read_bytes(), re.MULTILINE))
    if count:
        return count
    debug = log.read_text(errors="replace")
    refusals = re.findall(r"< (-ERR.*)", debug)
    if refusals:
        raise Refused(refusals[-1])
    raise Failed(f"{program} fetched nothing: {screen[-600:]}")


def client_pem(who: Credentials, directory: Path) -> Path:
    """Certificate and key in one file."""
    return secret_file(directory / "client.pem", who.cert.read_text() + who.key.read_text())


def on_terminal(command: list[str], directory: Path) -> str:
    """Runs a program that needs a terminal. Returns its output without control sequences."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="vt100", HOME=str(directory), LC_ALL="C", COLUMNS="200", LINES="30")
        os.execvp(command[0], command)
    said = b""
    deadline = time.monotonic() + 60
    while True:
        if time.monotonic() > deadline:
            os.kill(child, 9)
            os.waitpid(child, 0)
            os.close(terminal)
            raise Failed(f"{command[0]} was not done after 60 s: {_plain(said)[-600:]}")
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            got = os.read(terminal, 65536)
        except OSError:
            break
        if not got:
            break
        said += got
    os.waitpid(child, 0)
    os.close(terminal)
    return _plain(said)


def _plain(screen: bytes) -> str:
    text = screen.decode(errors="replace")
    return re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>78])|[\x00-\x09\x0b-\x1f]", " ", text).strip()


# JavaMail


class JavaMail:
    """One Java program for all logins, because a virtual machine starts slowly."""

    JARS = "/usr/share/java/javax.mail.jar:/usr/share/java/javax.activation.jar"

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def __call__(self, server: Server, who: Credentials, mechanism: str, mode: str, _directory: Path) -> int:
        with self._lock:
            return self._login(server, who, mechanism, mode)

    def _login(self, server: Server, who: Credentials, mechanism: str, mode: str) -> int:
        if self._process is None:
            self._process = subprocess.Popen(
                ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", self.JARS, str(HERE / "JavaMailLogin.java")],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
        assert self._process.stdin and self._process.stdout
        port = server.tls if mode == "tls" else server.plain
        asked = [mode, str(port), str(who.ca), mechanism, who.user, secret_for(mechanism, who)]
        self._process.stdin.write("\t".join(asked) + "\n")
        self._process.stdin.flush()
        kind, _, text = self._process.stdout.readline().rstrip("\n").partition(" ")
        if kind == "count":
            return int(text)
        # After the error challenge of XOAUTH2, JavaMail believes that it is logged in and sends STAT as the response.
        if kind == "refused" or "STAT command failed: [AUTH]" in text:
            raise Refused(text)
        raise Failed(f"JavaMail: {kind} {text}")

    def stop(self) -> None:
        if self._process:
            assert self._process.stdin
            self._process.stdin.close()
            self._process.wait(30)


# Python over GNU SASL, Cyrus SASL and aiosasl


def by_library(server: Server, who: Credentials, mechanism: str, mode: str, _directory: Path, *, engine: str,
               binding: str = "", tls: str = "1.3") -> int:
    asked = {
        "port": server.tls if mode == "tls" else server.plain, "mode": mode, "ca": str(who.ca), "engine": engine,
        "mechanism": mechanism, "binding": binding, "tls": tls, "user": who.user, "password": who.password,
        "token": who.token,
    }
    if mechanism == "EXTERNAL":
        asked |= {"cert": str(who.cert), "key": str(who.key)}
    said = outcome(["/usr/bin/python3", str(HERE / "saslclient.py")], lambda code, _: code == 1, stdin=None,
                   input=json.dumps(asked).encode())
    return int(said)


# The table

# What a client chooses by default if our server offers everything. mutt and neomutt are missing, because they choose
# SCRAM with -PLUS, which they do not support, and get out of step with the server. See DEFAULTS.
OWN_CHOICE = {"curl": "CRAM-MD5", "mpop 1.4.18": "PLAIN", "mpop 1.4.21": "SCRAM-SHA-256-PLUS", "fetchmail": "CRAM-MD5",
              "JavaMail": "USER"}
# What these choose if our server offers its defaults.
DEFAULTS = {"mutt": "SCRAM-SHA-256", "neomutt": "SCRAM-SHA-256"}
NEEDS_CLEAR = ("CRAM-MD5",)
CLEAR = "-clear"


@dataclass(frozen=True)
class LoginClient:
    """A client and its mechanisms. `USER` stands for USER and PASS, and `UTF8` for the same after UTF8."""

    name: str
    user: str
    mechanisms: tuple[str, ...]
    login: Callable[[Server, Credentials, str, str, Path], int]
    # For -PLUS.
    binding: str = ""

    def user_for(self, mechanism: str) -> str:
        """Each client has its own user, and another one whose password the server must store in plain text."""
        return self.user + CLEAR if mechanism in NEEDS_CLEAR else self.user


GSASL = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "EXTERNAL", "ANONYMOUS")
CYRUS = (*GSASL, "SCRAM-SHA-512")
SCRAM_PLUS = ("SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS")
MPOP = ("USER", "PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "EXTERNAL", "XOAUTH2", "OAUTHBEARER")


def library_clients() -> list[LoginClient]:
    """The Python client by library, binding and TLS version."""

    def one(engine: str, mechanisms: tuple[str, ...], binding: str = "", tls: str = "1.3") -> LoginClient:
        name = f"python {engine}" + (f" {binding} TLS {tls}" if binding else "")

        def login(*arguments: object) -> int:
            return by_library(*arguments, engine=engine, binding=binding, tls=tls)  # type: ignore[arg-type]

        return LoginClient(name, f"python-{engine}", mechanisms, login, binding)

    return [
        one("gsasl", GSASL),
        one("cyrus", CYRUS),
        one("aiosasl", ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "ANONYMOUS")),
        one("token", TOKENS),
        one("gsasl", SCRAM_PLUS, "tls-exporter"),
        one("cyrus", (*SCRAM_PLUS, "SCRAM-SHA-512-PLUS"), "tls-exporter"),
        one("cyrus", (*SCRAM_PLUS, "SCRAM-SHA-512-PLUS"), "tls-server-end-point"),
        one("cyrus", ("SCRAM-SHA-256-PLUS",), "tls-server-end-point", "1.2"),
        one("aiosasl", SCRAM_PLUS, "tls-exporter"),
        one("aiosasl", SCRAM_PLUS, "tls-server-end-point"),
    ]


def default_clients() -> list[LoginClient]:
    """Clients that choose -PLUS whenever it is offered, and then fail."""

    def one(program: str) -> LoginClient:
        def login(*arguments: object) -> int:
            return by_mutt(*arguments, program=program)  # type: ignore[arg-type]

        return LoginClient(program, program, (), login)

    return [one(program) for program in DEFAULTS]


def login_clients(new_mpop: tuple[str, ...] | None, javamail: JavaMail) -> list[LoginClient]:
    """All clients. The newer mpop is a command, because it is run without being installed."""
    clients = [
        LoginClient("curl", "curl", ("PLAIN", "LOGIN", "CRAM-MD5", "EXTERNAL", "XOAUTH2", "OAUTHBEARER"), by_curl),
        LoginClient("mpop 1.4.18", "mpop", MPOP, by_mpop),
        LoginClient("fetchmail", "fetchmail", ("USER", "CRAM-MD5"), by_fetchmail),
        LoginClient("mutt", "mutt", ("USER", "PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "EXTERNAL",
                                     "ANONYMOUS", "XOAUTH2", "OAUTHBEARER"), by_mutt),
        LoginClient("JavaMail", "javamail", ("USER", "PLAIN", "XOAUTH2"), javamail),
        LoginClient("poplib", "poplib", ("USER", "UTF8"), by_poplib),
        *library_clients(),
    ]
    if new_mpop:
        def login(*arguments: object) -> int:
            return by_mpop(*arguments, program=new_mpop)  # type: ignore[arg-type]

        clients.append(LoginClient("mpop 1.4.21", "mpop-new", (*MPOP, *SCRAM_PLUS), login, "tls-exporter"))
    return clients
