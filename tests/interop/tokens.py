"""How a server verifies a bearer token: Dovecot asks a web server with the interface of RFC 7662."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from net import HOST


TAIL = "x" * 300


def token_of(user: str) -> str:
    """The only valid token of a user, long enough to need the two-line form of AUTH."""
    return f"token-of-{user}-{TAIL}"


def owner_of(token: str) -> str | None:
    """The user of a token."""
    user = token.removeprefix("token-of-").removesuffix(f"-{TAIL}")
    return user if token == token_of(user) else None


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # noqa: N802 - the name is the base class's
        owner = owner_of(self.headers.get("Authorization", "").removeprefix("Bearer "))
        answer = {"active": True, "username": owner} if owner else {"active": False}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Logs nothing, because the requests contain tokens."""


def token_command(directory: Path) -> str:
    """For `pop3 serve --token-command`: a program that prints the user of a token."""
    script = directory / "whose-token"
    script.write_text(f"""#!/bin/sh
read -r token
user=${{token#token-of-}}
user=${{user%-{TAIL}}}
[ "$token" = "token-of-$user-{TAIL}" ] || exit 1
echo "$user"
""")
    script.chmod(0o700)
    return str(script)


def start_introspection() -> str:
    """Starts the web server on a thread that ends with the program. Returns its URL."""
    server = ThreadingHTTPServer((HOST, 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://{HOST}:{server.server_address[1]}/introspect"
