"""Nodes of `pop3 serve`, each with a link to the database, and HAProxy before them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
from pathlib import Path

from chaos import Link
from ledger import Ledger
from net import HOST, START_SECONDS, Processes, free_ports, wait_for_ports
from stores import PostgresStore, SqlStore, Store

PROXIED = "127.0.0.0/8"
# How often a node is started before it listens. The database may be away for as long as it is disturbed.
STARTS = 1000


class Node:
    """One `pop3 serve`. Its ports stay the same when it begins again."""

    def __init__(self, cluster: Cluster, name: str, port: int, metrics: int, link: Link | None) -> None:
        self.cluster, self.name, self.port, self.metrics, self.link = cluster, name, port, metrics, link
        self.process: subprocess.Popen[bytes] | None = None
        self.log = cluster.work / f"{name}.log"
        # Held while something is done to the node.
        self.busy = asyncio.Lock()

    def start(self) -> None:
        store = self.cluster.store
        sql = ["--node", self.name] if isinstance(store, SqlStore) else []
        sql += store.of_node(self.link.own_port if self.link else None) if isinstance(store, PostgresStore) else []
        self.process = self.cluster.processes.start(
            [str(self.cluster.program), "serve", "--allow-root", *store.options(self.link.port if self.link else None), *sql,
             "--listen", f"{HOST}:{self.port}", "--proxy-from", PROXIED, "--metrics", f"{HOST}:{self.metrics}", "--allow-insecure-auth",
             "--max-connections-per-user", "1000", "--max-connections-per-ip", "1000", "--log", "info"], self.log)

    def signal(self, sign: signal.Signals) -> None:
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, sign)

    async def end(self, sign: signal.Signals) -> None:
        """Ends the node, and waits for that."""
        self.signal(sign)
        if self.process:
            await asyncio.to_thread(self.process.wait, START_SECONDS)

    def dead(self) -> bool:
        return self.process is None or self.process.poll() is not None

    async def listens(self) -> None:
        """Waits until the node accepts connections. If it ends, because it does not reach the database, it begins again, as systemd would do it."""
        for _ in range(STARTS):
            assert self.process
            try:
                await asyncio.to_thread(wait_for_ports, (self.port,), self.process, self.log)
                return
            except RuntimeError:
                if not self.dead():
                    raise
            await asyncio.sleep(0.2)
            self.start()
        raise RuntimeError(f"{self.name} does not start:\n{self.log.read_text(errors='replace')[-4000:]}")


class Cluster:
    """Everything between the clients and the database."""

    def __init__(self, program: Path, work: Path, processes: Processes, store: Store, ledger: Ledger, nodes: int, rng: random.Random) -> None:
        self.program, self.work, self.processes, self.store, self.ledger = program, work, processes, store, ledger
        ports = free_ports(2 * nodes + 2)
        self.balanced, lmtp_port = ports.pop(), ports.pop()
        self.lmtp_port = lmtp_port if isinstance(store, SqlStore) else 0
        self.lmtp: subprocess.Popen[bytes] | None = None
        sql = isinstance(store, PostgresStore)
        targets = store.ports() if isinstance(store, PostgresStore) else (0, 0)
        # The link of those who deliver.
        self.mx = Link("mx", targets, rng) if sql else None
        self.nodes = [Node(self, f"n{number}", ports[2 * number], ports[2 * number + 1], Link(f"n{number}", targets, rng) if sql else None)
                      for number in range(nodes)]
        self.haproxy: subprocess.Popen[bytes] | None = None

    @property
    def links(self) -> list[Link]:
        return [link for link in (self.mx, *(node.link for node in self.nodes)) if link]

    async def start(self) -> None:
        for link in self.links:
            await link.start()
        self.start_lmtp()
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            await node.listens()
        config = self.work / "haproxy.cfg"
        servers = "\n".join(f"  server {node.name} {HOST}:{node.port} send-proxy-v2 check port {node.metrics}" for node in self.nodes)
        config.write_text(f"""
global
  maxconn 2000
  hard-stop-after 60s
defaults
  mode tcp
  timeout connect 5s
  timeout client 11m
  timeout server 11m
  timeout check 2s
  default-server inter 300ms fall 3 rise 1 on-marked-down shutdown-sessions
  option redispatch
frontend pop3
  bind {HOST}:{self.balanced}
  default_backend nodes
backend nodes
  balance leastconn
  option httpchk GET /readyz
{servers}
""")
        log = self.work / "haproxy.log"
        self.haproxy = self.processes.start(["haproxy", "-W", "-db", "-f", str(config)], log)
        await asyncio.to_thread(wait_for_ports, (self.balanced,), self.haproxy, log)

    def start_lmtp(self) -> None:
        """Starts `pop3 lmtp`. Nobody waits for it: who cannot connect has not delivered."""
        if self.lmtp_port:
            self.lmtp = self.processes.start([str(self.program), "lmtp", *self.store.options(self.mx.port if self.mx else None), "--strip-domain",
                                              "--listen", f"{HOST}:{self.lmtp_port}"], self.work / "lmtp.log")

    def reload(self) -> None:
        """HAProxy reads its configuration again: a new process accepts, the old one serves what it has."""
        if self.haproxy:
            self.haproxy.send_signal(signal.SIGUSR2)

    async def heal(self) -> None:
        """Ends all disturbances."""
        for link in self.links:
            link.heal()
        if self.lmtp and self.lmtp.poll() is not None:
            self.start_lmtp()
        for node in self.nodes:
            node.signal(signal.SIGCONT)
            if node.dead():
                node.start()
        for node in self.nodes:
            await node.listens()

    async def stop(self) -> None:
        for link in self.links:
            await link.stop()
