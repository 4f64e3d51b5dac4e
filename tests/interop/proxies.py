"""Real proxies in front of `pop3 serve`: HAProxy, which forwards octets, and nginx, which logs in itself."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from net import HOST, Processes, free_ports, wait_for_ports


@dataclass(frozen=True)
class Proxy:
    """A proxy, as a client sees it. `tls` is a port on which it terminates TLS."""

    name: str
    plain: int
    tls: int


def start_haproxy(processes: Processes, work: Path, version: int, behind: int, cert: Path, key: Path) -> Proxy:
    """HAProxy in front of the port `behind`, with PROXY headers of this version."""
    name = f"haproxy-v{version}"
    plain, tls = free_ports(2)
    pem = work / f"{name}.pem"
    pem.write_text(cert.read_text() + key.read_text())
    config = work / f"{name}.cfg"
    send = {1: "send-proxy", 2: "send-proxy-v2-ssl"}[version]
    config.write_text(f"""
global
  maxconn 100
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend clear
  bind {HOST}:{plain}
  default_backend pop3
frontend secure
  bind {HOST}:{tls} ssl crt {pem}
  default_backend pop3
backend pop3
  server one {HOST}:{behind} {send}
""")
    log = work / f"{name}.log"
    process = processes.start(["haproxy", "-db", "-f", str(config)], log)
    wait_for_ports((plain, tls), process, log)
    return Proxy(name, plain, tls)


def start_nginx(processes: Processes, work: Path, behind: int, cert: Path, key: Path) -> Proxy:
    """nginx's mail proxy before the port `behind`. It asks a web server about a login, and uses USER and PASS."""
    plain, tls = free_ports(2)
    config = work / "nginx.conf"
    config.write_text(f"""
load_module /usr/lib/nginx/modules/ngx_mail_module.so;
daemon off;
master_process off;
error_log stderr;
pid {work / 'nginx.pid'};
events {{ worker_connections 100; }}
mail {{
  server_name localhost;
  auth_http {_start_auth_http(behind)};
  pop3_auth plain;
  proxy_protocol on;
  proxy_pass_error_message on;
  server {{ listen {HOST}:{plain}; protocol pop3; }}
  server {{ listen {HOST}:{tls} ssl; protocol pop3; ssl_certificate {cert}; ssl_certificate_key {key}; }}
}}
""")
    log = work / "nginx.log"
    process = processes.start(["nginx", "-p", str(work), "-e", "stderr", "-c", str(config)], log)
    wait_for_ports((plain, tls), process, log)
    return Proxy("nginx", plain, tls)


def _start_auth_http(behind: int) -> str:
    """The web server that nginx asks about each login. It sends every user to the port `behind`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 - the name is the base class's
            self.send_response(200)
            for name, value in (("Auth-Status", "OK"), ("Auth-Server", HOST), ("Auth-Port", str(behind))):
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Logs nothing, because the requests contain passwords."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"{HOST}:{server.server_address[1]}/auth"
