"""Servers to measure, with maildrops of their own in a temporary directory."""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "common"))
from certificates import self_signed
from dovecot_settings import settings
from maildir import make_maildir
from net import START_SECONDS, Processes, free_ports, wait_for_ports
from serve import listening, serve_command

PASSWORD = "secret"
HEADER = b"From: a@example.org\nTo: b@example.org\nSubject: %d\n\n"
LINE = b"The quick brown fox jumps over the lazy dog, and the dog does not care.\n"


def fill(directory, messages, octets, end=b"\n", first=1):
    """Makes a Maildir with so many messages of about that size, with these line ends. They are numbered from `first`."""
    make_maildir(directory)
    body = (LINE * (octets // len(LINE) + 1)).replace(b"\n", end)
    for number in range(first, first + messages):
        content = ((HEADER % number).replace(b"\n", end) + body)[: octets - len(end)].rstrip(b"\r") + end
        # Sizes in names spare Dovecot a look at each file.
        wire = len(content) + content.count(b"\n") - content.count(b"\r\n")
        name = f"{1700000000 + number}.M{number}.host,S={len(content)},W={wire}:2,"
        (directory / "cur" / name).write_bytes(content)


class Houses:
    """A directory with users, a certificate and the servers that run in it."""

    def __init__(self, directory, program):
        self.directory, self.program = directory, program
        self.processes, self.users = Processes(), []
        (directory / "secret").write_text(PASSWORD + "\n")
        self.cert, self.key = self_signed(directory)

    def maildrops(self, name, count, messages, octets):
        """Makes the maildrops of the users name1, name2 and so on."""
        for number in range(1, count + 1):
            fill(self.directory / "mail" / f"{name}{number}", messages, octets, b"\r\n" if name == "crlf" else b"\n")
            self.users.append(f"{name}{number}")

    def serve(self, runtime, mail=None):
        """Starts `pop3 serve` on this runtime, with these maildrops or copies of them."""
        users = self.directory / "users"
        users.write_text("".join(f"{user}:{{PLAIN}}{PASSWORD}\n" for user in self.users))
        users.chmod(0o600)
        most = [word for what in ("", "-per-user", "-per-ip") for word in (f"--max-connections{what}", "15000")]
        command = serve_command(self.program, runtime, mail or self.copy(runtime), users, self.cert, self.key, "--log", "off", *most)
        process = self.processes.start(command, self.log(runtime), stdout=subprocess.PIPE)
        ports = listening(process, self.log(runtime), START_SECONDS)
        return Server(self, runtime, process, ports["pop3"], ports["pop3s"])

    def dovecot(self):
        """Starts Dovecot with many clients in a process, its fastest way."""
        home = self.directory / "dovecot"
        (home / "run").mkdir(parents=True)
        plain, tls = free_ports(2)
        more = DOVECOT.format(mail=self.copy("dovecot"), password=PASSWORD)
        (home / "dovecot.conf").write_text(settings(f"{home}/run", "/dev/stderr", str(self.directory), plain, tls, more, LOGIN))
        for path in (self.directory, home):
            path.chmod(0o755)
        subprocess.run(["chown", "-R", "nobody:nogroup", str(self.directory / "mail-dovecot")], check=True)
        process = self.processes.start(["dovecot", "-F", "-c", str(home / "dovecot.conf")], self.log("dovecot"))
        wait_for_ports((plain, tls), process, self.log("dovecot"))
        return Server(self, "dovecot", process, plain, tls)

    def download(self, name, server, user, messages, tls):
        """Fetches all messages with this client and throws them away. Returns its CPU time in seconds."""
        home = Path(tempfile.mkdtemp(dir=self.directory))
        place = f"localhost:{server.tls}" if tls else f"127.0.0.1:{server.plain}"
        scheme, ca = ("pop3s" if tls else "pop3"), str(self.directory / "cert.pem")
        environment = dict(os.environ, HOME=str(home), XDG_STATE_HOME=str(home))
        if name == "curl":
            command = ["curl", "--silent", "--show-error", "--cacert", ca, "--user", f"{user}:{PASSWORD}"]
            command += ["--output", "/dev/null", f"{scheme}://{place}/[1-{messages}]"]
        elif name == "mpop":
            host, port = place.split(":")
            command = ["mpop", "--quiet", f"--host={host}", f"--port={port}", f"--user={user}", "--auth=user", "--keep=on"]
            command += [f"--passwordeval=cat {self.directory / 'secret'}", f"--uidls-file={home / 'uidls'}"]
            command += ["--delivery=mbox,/dev/null", "--received-header=off"]
            command += ["--tls=on", "--tls-starttls=off", f"--tls-trust-file={ca}"] if tls else ["--tls=off"]
        else:
            command = [self.program, "fetch", f"{scheme}://{user}@{place}", "--to", "-", "--quiet", "--state", str(home / "state")]
            command += ["--runtime", name.split()[-1], "--auth", "user", "--password-file", str(self.directory / "secret")]
            command += ["--ca-file", ca] if tls else ["--tls", "off"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}\n{done.stderr.decode(errors='replace')}")
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def copy(self, name):
        """Each server has the maildrops for itself, because they keep files of their own in them."""
        path = self.directory / f"mail-{name}"
        subprocess.run(["cp", "-r", str(self.directory / "mail"), str(path)], check=True)
        return str(path)

    def log(self, name):
        """Where what a server prints goes."""
        return self.directory / f"{name}.log"

    def stop(self):
        self.processes.stop()


class Server:
    """A server that runs."""

    def __init__(self, houses, name, process, plain, tls):
        self.houses, self.name, self.process, self.plain, self.tls = houses, name, process, plain, tls

    def database_cpu(self):
        """The CPU time of a database that the server uses, in seconds."""
        return 0.0

    def refill(self, user, source):
        """Adds the messages of a Maildir."""
        place = Path(f"{self.houses.directory}/mail-{self.name}/{user}/cur")
        for path in (source / "cur").iterdir():
            shutil.copy(path, place)
            owner = place.stat()
            os.chown(place / path.name, owner.st_uid, owner.st_gid)

    def bench(self, user, users, words, tls=False):
        """Runs `pop3 bench`, and returns its report."""
        return self.report(self.begin_bench(user, users, words, tls))

    def begin_bench(self, user, users, words, tls=False):
        """Starts `pop3 bench`."""
        where = f"pop3s://{user}{{}}@localhost:{self.tls}" if tls else f"pop3://{user}{{}}@127.0.0.1:{self.plain}"
        command = [self.houses.program, "bench", where, "--users", str(users), "--auth", "user", "--json"]
        command += ["--password-file", str(self.houses.directory / "secret"), "--server-pid", str(self.process.pid), *words]
        if tls:
            command += ["--ca-file", str(self.houses.directory / "cert.pem")]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def report(self, running):
        """Waits for `pop3 bench`, and returns its report."""
        out, err = running.communicate()
        if running.returncode != 0:
            raise SystemExit(f"{' '.join(running.args)}\n{out}{err}")
        report = json.loads(out)
        if report["errors"]:
            raise SystemExit(f"{self.name}: {report['errors']}")
        return report

    def resident(self):
        """The resident memory of the process itself, without pages that files back, in octets."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return 1024 * int(fields["RssAnon"].split()[0])

    def stop(self):
        self.process.terminate()
        self.process.wait()


def has_dovecot():
    return shutil.which("dovecot") is not None and os.geteuid() == 0


LOGIN = """\
  service_count = 0
  process_min_avail = 2
  process_limit = 2
  client_limit = 1900
  vsz_limit = 1G"""
DOVECOT = """\
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={mail}/%u
}}
mail_location = maildir:{mail}/%u
mail_max_userip_connections = 0
mail_fsync = never
maildir_very_dirty_syncs = yes
mailbox_list_index = no
pop3_no_flag_updates = yes
pop3_fast_size_lookups = yes
service pop3 {{
  service_count = 0
  client_limit = 1500
  process_min_avail = 2
  process_limit = 2
}}
service anvil {{
  client_limit = 3900
}}
service auth {{
  client_limit = 3900
}}
service stats {{
  client_limit = 3900
}}
"""
