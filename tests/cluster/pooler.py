"""PgBouncer in transaction mode between the nodes and PostgreSQL. Only the connection by which a node shows that it lives goes past it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from net import HOST, Processes, free_ports, wait_for_ports
from postgres import PASSWORD
from stores import PostgresStore, Program

POOLER = "/usr/sbin/pgbouncer"
# Far fewer than the nodes open, so that sessions of the database are shared all the time.
CONNECTIONS = 6


class PooledStore(PostgresStore):
    """Maildrops in PostgreSQL, reached through PgBouncer."""

    name = "pooled"

    def __init__(self, program: Program, processes: Processes, work: Path) -> None:
        super().__init__(program, processes, work)
        home, (self.pooler,) = work / "pgbouncer", free_ports(1)
        home.mkdir()
        (home / "users").write_text(f'"postgres" "{PASSWORD}"\n')
        (home / "pgbouncer.ini").write_text(f"""
[databases]
postgres = host={HOST} port={self.server.port}
[pgbouncer]
listen_addr = {HOST}
listen_port = {self.pooler}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {home}/users
pool_mode = transaction
default_pool_size = {CONNECTIONS}
max_client_conn = 1000
# A database that begins again is found again soon.
server_login_retry = 0.2
""")
        if os.getuid() == 0:
            for path in (home, *home.iterdir()):
                shutil.chown(path, "postgres", "postgres")
        log = work / "pgbouncer.log"
        user = ["--user", "postgres"] if os.getuid() == 0 else []
        wait_for_ports((self.pooler,), processes.start([POOLER, *user, str(home / "pgbouncer.ini")], log), log)

    def url(self, port: int | None = None) -> str:
        return self.server.url(port=port or self.pooler)

    def ports(self) -> tuple[int, int]:
        return self.pooler, self.server.port

    def of_node(self, port: int | None) -> list[str]:
        return ["--node-store", self.server.url(port=port)]
