"""Starts and stops the services of a Debian in a directory tree, as systemd does with their units.

There is no systemd in the tree. `Supervisor` reads the units there, holds their sockets, starts their commands with
chroot, waits until they say that they are ready, and hears their watchdog. `pop3-serve.service` also gets all restrictions
of its unit (confine.py). A `systemctl` in the tree passes its arguments on to it, so that scripts can use it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

CONFINE = Path(__file__).resolve().parent / "confine.py"
CONFINED = ("pop3-serve.service",)
UNITS = ("usr/lib/systemd/system", "lib/systemd/system", "etc/systemd/system")
# How long anything may take on a very busy machine.
SECONDS = 300
# systemctl and journalctl of the tree.
SYSTEMCTL = """\
#!/bin/sh
# Asks the supervisor of the tests, as there is no systemd here.
exec 9>/run/supervisor.lock
flock 9
printf '%s\\n' "$*" >/run/supervisor.ask
{ read -r code; cat; } </run/supervisor.answer
exit "$code"
"""
JOURNALCTL = """\
#!/bin/sh
# journalctl -u NAME shows what the service has printed.
while [ "$#" -gt 0 ]; do
  case "$1" in -u) unit=${2%.service}; shift ;; esac
  shift
done
# The journal takes the priority away.
sed 's/^<[0-7]>//' "/run/log-$unit"
"""


class Wrong(RuntimeError):
    """A service did not do what its unit says."""


def unit(tree: Path, name: str) -> dict[str, list[str]]:
    """The settings of a unit with its drop-ins, each with all its lines; an empty line takes away those before it."""
    files = [tree / place / name for place in UNITS if (tree / place / name).is_file()]
    if not files:
        raise Wrong(f"Unit {name} not found.")
    files = files[-1:] + sorted((file for place in UNITS for file in (tree / place / f"{name}.d").glob("*.conf")), key=lambda file: file.name)
    settings: dict[str, list[str]] = {}
    for file in dict.fromkeys(file.resolve() for file in files):
        text = re.sub(r"\\\n\s*", " ", file.read_text())
        for key, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE):
            settings.setdefault(key, []).append(value.strip())
            if not value.strip():
                settings[key] = []
    return settings


@dataclass
class Service:
    """A service that was started."""

    name: str
    settings: dict[str, list[str]]
    variables: dict[str, str]
    process: subprocess.Popen[bytes]
    log: Path
    notify: socket.socket
    heard: list[str] = field(default_factory=list)

    @property
    def main(self) -> int:
        """The main process. A service that forks writes its number into a file."""
        return self.process.pid

    def said(self, word: str, seconds: float = SECONDS) -> None:
        """Waits for a notification (sd_notify)."""
        deadline = time.monotonic() + seconds
        while word not in self.heard:
            if self.process.poll() is not None:
                raise Wrong(f"{self.name} ended with {self.process.returncode}:\n{self.text()[-3000:]}")
            if time.monotonic() > deadline:
                raise Wrong(f"{self.name} does not say {word}:\n{self.text()[-3000:]}")
            self.notify.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                self.heard += self.notify.recv(65536).decode(errors="replace").splitlines()

    def text(self) -> str:
        return self.log.read_text(errors="replace")


class Supervisor:
    """What systemd would be in the tree."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self.services: dict[str, Service] = {}
        self.sockets: dict[str, list[tuple[str, socket.socket]]] = {}

    # Sockets.

    def listen(self, name: str) -> list[tuple[str, socket.socket]]:
        """Holds the sockets of a unit. They stay when the service ends."""
        if name not in self.sockets:
            settings = unit(self.tree, name)
            self.sockets[name] = []
            for address in settings["ListenStream"]:
                host, _, port = address.rpartition(":")
                family = socket.AF_INET6 if "[" in host else socket.AF_INET
                listener = socket.create_server((host.strip("[]"), int(port)), family=family, backlog=int(settings.get("Backlog", ["128"])[-1]))
                # Out of the way of the numbers that a service gets.
                held = socket.socket(fileno=os.dup(listener.fileno()))
                listener.close()
                self.sockets[name].append((settings["FileDescriptorName"][-1], held))
        return self.sockets[name]

    def close(self, name: str) -> None:
        for _, held in self.sockets.pop(name, []):
            held.close()

    # Services.

    def start(self, name: str) -> Service:
        if name in self.services and self.services[name].process.poll() is None:
            return self.services[name]
        settings = unit(self.tree, name)
        where = self.tree / "run" / f"notify-{name.removesuffix('.service')}"
        where.unlink(missing_ok=True)
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(str(where))
        where.chmod(0o777)
        for directory in " ".join(settings.get("RuntimeDirectory", [])).split():
            (self.tree / "run" / directory).mkdir(mode=0o755, parents=True, exist_ok=True)
        variables = self.variables(settings) | {"NOTIFY_SOCKET": f"/run/{where.name}"}
        for line in settings.get("ExecStartPre", []):
            self.run(line, variables)
        log = self.log(settings, name)
        process = self.launch(name, settings, variables, log)
        service = self.services[name] = Service(name, settings, variables, process, log, notify)
        kind = settings.get("Type", ["simple"])[-1]
        if kind.startswith("notify"):
            service.said("READY=1")
        elif kind == "forking":
            if process.wait(SECONDS):
                raise Wrong(f"{name} ended with {process.returncode}:\n{service.text()[-3000:]}")
        return service

    def log(self, settings: dict[str, list[str]], name: str) -> Path:
        """Where the output goes: to the journal, which is a file here, or to a file of its own."""
        target = settings.get("StandardError", ["journal"])[-1]
        own = re.fullmatch(r"(?:append|file):(.+)", target)
        return self.tree / own[1].lstrip("/") if own else self.tree / f"run/log-{name.removesuffix('.service')}"

    def launch(self, name: str, settings: dict[str, list[str]], variables: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
        line = settings["ExecStart"][-1].lstrip("-@+!:")
        command = expand(line, variables)
        with log.open("ab") as out:
            if name not in CONFINED:
                user = ["setpriv", f"--reuid={settings['User'][-1]}", "--regid", settings.get("Group", settings["User"])[-1], "--init-groups"] if settings.get("User") else []
                return subprocess.Popen(["chroot", str(self.tree), *user, *command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                        start_new_session=True, env=PATHS | variables)
            passed = [one for other in " ".join(settings.get("Sockets", [])).split() for one in self.listen(other)]
            if watchdog := settings.get("WatchdogSec"):
                variables = variables | {"WATCHDOG_USEC": str(int(watchdog[-1]) * 1_000_000)}
            # Only what belongs to the process itself: [Unit] and [Install] have other settings.
            own = {key: value for key, value in settings.items() if key not in ABOUT_UNITS}
            descriptors = [held.fileno() for _, held in passed]
            task = {"tree": str(self.tree), "settings": own, "environment": variables, "command": command,
                    "sockets": descriptors, "names": [one for one, _ in passed]}
            return subprocess.Popen([sys.executable, str(CONFINE), json.dumps(task)], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                    start_new_session=True, pass_fds=descriptors)

    def variables(self, settings: dict[str, list[str]]) -> dict[str, str]:
        """Environment= and EnvironmentFile=."""
        words = [word for line in settings.get("Environment", []) for word in shlex.split(line)]
        for line in settings.get("EnvironmentFile", []):
            path = self.tree / line.lstrip("-/")
            if path.exists():
                words += [word for text in path.read_text().splitlines() for word in shlex.split(text, comments=True)]
        return dict(word.partition("=")[::2] for word in words if "=" in word)

    def run(self, line: str, variables: dict[str, str]) -> None:
        """A command that prepares, reloads or stops a service."""
        command = expand(line.lstrip("-@+!:"), variables)
        done = subprocess.run(["chroot", str(self.tree), *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=SECONDS, check=False, env=PATHS | variables)
        if done.returncode and not line.startswith("-"):
            raise Wrong(f"{line}: exit code {done.returncode}\n{done.stdout.decode(errors='replace')}")

    def reload(self, name: str) -> None:
        service = self.running(name)
        service.heard.clear()
        for line in service.settings.get("ExecReload", []):
            if found := re.fullmatch(r"(?:/usr)?/bin/kill -(\w+) \$MAINPID", line):
                os.kill(service.main, getattr(signal, f"SIG{found[1]}"))
            else:
                self.run(line, service.variables)
        if name in CONFINED:
            service.said("RELOADING=1")
            service.said("READY=1")

    def running(self, name: str) -> Service:
        if name not in self.services:
            raise Wrong(f"{name} is not active")
        return self.services[name]

    def stop(self, name: str) -> None:
        """Stops a service as its unit says, and then with SIGTERM."""
        service = self.services.pop(name, None)
        if service is None:
            return
        for line in service.settings.get("ExecStop", []):
            with contextlib.suppress(Wrong):
                self.run(line, service.variables)
        if found := service.settings.get("PIDFile"):
            end(self.tree / found[-1].lstrip("/"))
        group = service.process.pid
        with contextlib.suppress(ProcessLookupError):
            service.process.terminate()
        try:
            code = service.process.wait(SECONDS)
        except subprocess.TimeoutExpired as late:
            raise Wrong(f"{name} does not end") from late
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
            service.notify.close()
        if name in CONFINED and code:
            raise Wrong(f"{name} ended with {code}:\n{service.text()[-3000:]}")

    def stop_all(self) -> None:
        for name in list(self.services):
            with contextlib.suppress(Wrong):
                self.stop(name)
        for name in list(self.sockets):
            self.close(name)

    # systemctl.

    def answer_systemctl(self) -> None:
        """Puts `systemctl` and `journalctl` into the tree, and answers the former from now on."""
        for name, text in (("systemctl", SYSTEMCTL), ("journalctl", JOURNALCTL)):
            (self.tree / "usr/local/bin" / name).write_text(text)
            (self.tree / "usr/local/bin" / name).chmod(0o755)
        for name in ("ask", "answer"):
            os.mkfifo(self.tree / f"run/supervisor.{name}")
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        while True:
            try:
                words = (self.tree / "run/supervisor.ask").read_text().split()
            except OSError:
                # The tree is gone.
                return
            try:
                text, code = self.systemctl(words), 0
            except (Wrong, OSError, KeyError, subprocess.SubprocessError) as reason:
                text, code = f"{type(reason).__name__}: {reason}\n", 1
            with contextlib.suppress(OSError):
                (self.tree / "run/supervisor.answer").write_text(f"{code}\n{text}")

    def systemctl(self, words: list[str]) -> str:
        names = [name if "." in name else f"{name}.service" for name in words[1:] if not name.startswith("-")]
        do, now = words[0], "--now" in words
        if do == "daemon-reload" or (do in ("enable", "disable") and not now):
            return ""
        for name in names:
            if name.endswith(".socket"):
                self.close(name) if do in ("stop", "disable") else self.listen(name)
            elif do in ("start", "enable"):
                self.start(name)
            elif do in ("stop", "disable"):
                self.stop(name)
            elif do == "restart":
                self.stop(name)
                self.start(name)
            elif do == "reload":
                self.reload(name)
            elif do == "is-active":
                if self.running(name).process.poll() not in (None, 0):
                    raise Wrong("failed")
                return "active\n"
            else:
                raise Wrong(f"the supervisor of the tests does not know: systemctl {' '.join(words)}")
        return ""


PATHS = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
# The settings of [Unit] and [Install].
ABOUT_UNITS = {"Description", "Documentation", "After", "Before", "Requires", "Wants", "WantedBy", "Also"}


def expand(line: str, variables: dict[str, str]) -> list[str]:
    """The words of a command. A variable alone may become several words, as systemd.service(5) says."""
    words = []
    for word in shlex.split(line):
        if re.fullmatch(r"\$\w+", word):
            words += shlex.split(variables.get(word[1:], ""))
        else:
            words.append(re.sub(r"\$\{(\w+)\}", lambda found: variables.get(found[1], ""), word))
    return words


def end(pid_file: Path) -> None:
    """Ends the process whose number is in the file, and waits for it."""
    with contextlib.suppress(OSError, ValueError):
        number = int(pid_file.read_text())
        os.kill(number, signal.SIGTERM)
        deadline = time.monotonic() + 20
        while Path(f"/proc/{number}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
