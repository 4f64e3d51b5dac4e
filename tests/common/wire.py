"""How a stored message is sent."""

from __future__ import annotations

import re


def wire(stored: bytes) -> bytes:
    """The octets of a stored message on the wire, before dot-stuffing: what LIST counts and RETR sends.

    LF becomes CRLF, CRLF and a bare CR stay, an unfinished last line gets its CRLF (RFC 1939 sections 3 and 11).
    """
    sent = re.sub(rb"(?<!\r)\n", b"\r\n", stored)
    if sent and not sent.endswith(b"\r\n"):
        sent += b"\r\n"
    return sent
