"""Stand-ins that test the checks themselves: poplib replaces `pop3 fetch`. (Dovecot replaces `pop3 serve`.)"""

from __future__ import annotations

import poplib
from dataclasses import dataclass
from pathlib import Path

from clients import Failed, Login, poplib_message, poplib_session
from peers import Peer


@dataclass
class FetchByPoplib:
    """Does what `pop3 fetch --to dir:` should do: new messages into files, and `--delete` on request."""

    directory: Path
    runtime: str = "poplib"

    def run(self, peer: Peer, login: Login, mode: str, *options: str, codes: tuple[int, ...] = (0,)) -> list[bytes]:
        target = self.directory / "target"
        target.mkdir(exist_ok=True)
        try:
            session = poplib_session(peer, login, mode)
            for line in session.uidl()[1]:
                number, uid = line.decode().split()
                if not (target / uid).exists():
                    (target / uid).write_bytes(poplib_message(session, int(number)))
                if "--delete" in options:
                    session.dele(int(number))
            session.quit()
            code = 0
        except poplib.error_proto as refused:
            code = 4 if b"[AUTH]" in refused.args[0] or b"Login failed" in refused.args[0] else 5
        if code not in codes:
            raise Failed(f"ended with {code}")
        return [path.read_bytes() for path in sorted(target.iterdir())]
