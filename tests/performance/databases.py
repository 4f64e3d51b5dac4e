"""Databases with the maildrops of the houses, and `pop3 serve` on them."""

import contextlib
import os
import smtplib
import sqlite3
import subprocess
import time
from pathlib import Path

from houses import PASSWORD, Server
from net import HOST, START_SECONDS, free_ports, wait_for_ports
from postgres import Postgres
from serve import listening

# So that no hash is measured: the other servers have the password in clear text, too.
CLEAR = f"{{PLAIN}}{PASSWORD}\n".encode()
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(pid):
    """The CPU time of a process and its children, in seconds, also of those that have ended."""
    total = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            words = path.read_text().rpartition(")")[2].split()
            if int(path.parent.name) == pid:
                total += sum(map(int, words[11:15]))
            elif int(words[1]) == pid:
                total += sum(map(int, words[11:13]))
    return total / TICKS


class Store:
    """What both databases have in common."""

    def __init__(self, houses, name, url):
        self.houses, self.name, self.url = houses, name, url
        self.pop3("store", "init")
        for user in houses.users:
            self.add(user)
        self.pop3("store", "import", "--from", str(houses.directory / "mail"), *houses.users)

    def pop3(self, *words, octets=b""):
        command = [self.houses.program, *words[: 1 if words[0] == "deliver" else 2], "--store", self.url, *words[1 if words[0] == "deliver" else 2 :]]
        done = subprocess.run(command, input=octets, capture_output=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}\n{(done.stdout + done.stderr).decode(errors='replace')}")

    def add(self, user):
        self.pop3("user", "add", "--form", "scram-sha-256", "--iterations", "4096", user, octets=f"{PASSWORD}\n".encode())

    def serve(self, name="one", *words):
        """Starts a node."""
        most = [word for what in ("", "-per-user", "-per-ip") for word in (f"--max-connections{what}", "15000")]
        command = [self.houses.program, "serve", "--allow-root", "--store", self.url, "--node", name, "--listen", f"{HOST}:0", "--log", "off", *most, *words]
        log = self.houses.log(f"{self.name}-{name}")
        process = self.houses.processes.start(command, log, stdout=subprocess.PIPE)
        return StoreServer(self, name, process, listening(process, log, START_SECONDS)["pop3"])

    def database_cpu(self):
        return 0.0


class StoreServer(Server):
    """A node that runs."""

    def __init__(self, store, name, process, plain):
        super().__init__(store.houses, f"{store.name}-{name}", process, plain, None)
        self.store = store

    def database_cpu(self):
        return self.store.database_cpu()

    def refill(self, user, source):
        place = self.houses.directory / "import" / user
        place.parent.mkdir(exist_ok=True)
        subprocess.run(["cp", "-r", str(source), str(place)], check=True)
        self.store.pop3("store", "import", "--from", str(place.parent), user)
        subprocess.run(["rm", "-r", str(place.parent)], check=True)


class Sqlite(Store):
    """A file."""

    def __init__(self, houses):
        self.file = houses.directory / "pop3.sqlite"
        super().__init__(houses, "sqlite", f"sqlite:{self.file}")
        with contextlib.closing(sqlite3.connect(self.file)) as database:
            database.execute("UPDATE pop3_users SET forms = ?", (CLEAR,))
            database.commit()


class Postgresql(Store):
    """A server of its own, with Debian's settings."""

    def __init__(self, houses):
        self.server = Postgres(houses.processes, houses.directory / "postgres", "max_connections=200", "max_wal_size=4GB")
        self.server.start()
        super().__init__(houses, "postgres", self.server.url() + "?sslmode=disable")
        self.server.query(f"UPDATE pop3_users SET forms = '\\x{CLEAR.hex()}'")
        self.server.query("VACUUM ANALYZE")

    def database_cpu(self):
        return cpu_of(self.server.process.pid)

    def wal(self):
        """How many octets were written to the log of the database, ever."""
        ((octets,),) = self.server.query("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")
        return int(octets)

    def tables(self):
        """The octets of each table, with its indexes and its content outside of rows."""
        rows = self.server.query("SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'pop3%'")
        return {name: int(size) for name, size in rows}

    def sizes(self, options):
        """Prints what one more maildrop, one more message and so on take, from many of each."""
        query = self.server.query
        many = 100_000
        self._written(options)
        before = self.tables()
        query(f"INSERT INTO pop3_users SELECT 'user-number-' || n || '@example.org', forms, kind FROM generate_series(1, {many}) n, "
              "(SELECT forms, kind FROM pop3_users LIMIT 1) one")
        query(f"INSERT INTO pop3_maildrops (user_name) SELECT 'user-number-' || n || '@example.org' FROM generate_series(1, {many}) n")
        query("VACUUM ANALYZE")
        after = self.tables()
        for name in ("pop3_users", "pop3_maildrops"):
            print(f"{name}: {(after[name] - before[name]) / many:.0f} octets a row", flush=True)
        for number, octets in ((many, 4096), (many // 50, 40_960)):
            self._message_sizes(number, octets)

    def _written(self, options):
        """Prints what a session and a delivery write into the log, and how fast deliveries are."""
        node = self.serve("one")
        for script, by in (("login", "sessions"), ("retr", "messages")):
            before = self.wal()
            report = node.bench("small", 100, ["--connections", "10", "--script", script, "--duration", str(options.seconds * 2)])
            print(f"log: {(self.wal() - before) / report[by]:.0f} octets for each of {report[by]} {by} ({script})", flush=True)
        message = b"Subject: one\n\n" + b"A line of the message, and another one.\n" * 100
        before, cpu, count = self.wal(), self.database_cpu(), 200
        for number in range(count):
            self.pop3("deliver", f"small{1 + number % 100}", octets=message)
        print(f"log: {(self.wal() - before) / count:.0f} octets for a delivery of {len(message)} octets; CPU of the database with a process for each: "
              f"{1e6 * (self.database_cpu() - cpu) / count:.0f} µs", flush=True)
        self._over_lmtp(message, 1000)

    def _over_lmtp(self, message, count):
        """Prints what a delivery takes if a server has its connections already."""
        (port,) = free_ports(1)
        log = self.houses.log("lmtp")
        process = self.houses.processes.start([self.houses.program, "lmtp", "--store", self.url, "--listen", f"{HOST}:{port}", "--strip-domain", "--log", "error"], log)
        wait_for_ports((port,), process, log)
        with smtplib.LMTP(HOST, port) as client:
            client.sendmail("a@example.org", ["small1@example.org"], message)
            cpu, own, begun = self.database_cpu(), cpu_of(process.pid), time.monotonic()
            for number in range(count):
                client.sendmail("a@example.org", [f"small{1 + number % 100}@example.org"], message)
            took = time.monotonic() - begun
        print(f"LMTP, one connection: {count / took:.0f} deliveries in a second; CPU of the database {1e6 * (self.database_cpu() - cpu) / count:.0f} µs, "
              f"of pop3 lmtp {1e6 * (cpu_of(process.pid) - own) / count:.0f} µs", flush=True)

    def _message_sizes(self, many, octets):
        query = self.server.query
        before = self.tables()
        # In the order in which mail comes: each to another maildrop.
        query("INSERT INTO pop3_messages (maildrop, unique_id, octets, size, eight_bit, received) "
              f"SELECT d.id, md5(random()::text), {octets}, {octets} + 100, 0, {octets}000000000000 + n FROM generate_series(1, {many}) n "
              "JOIN pop3_maildrops d ON d.user_name = 'user-number-' || (1 + n * 7919 % 100000) || '@example.org' ORDER BY n")
        query(f"INSERT INTO pop3_chunks SELECT id, 0, convert_to(left(string, {octets}), 'LATIN1') FROM pop3_messages, "
              f"LATERAL (SELECT string_agg(md5(id::text || k), '') AS string FROM generate_series(1, {octets // 32}) k) content WHERE octets = {octets} AND received > {octets}000000000000")
        query("VACUUM ANALYZE")
        after = self.tables()
        print(f"pop3_messages: {(after['pop3_messages'] - before['pop3_messages']) / many:.0f} octets a row")
        print(f"pop3_chunks: {(after['pop3_chunks'] - before['pop3_chunks']) / many:.0f} octets for a message of {octets}", flush=True)
