"""Mail over LMTP: a client that sends one message, and what `pop3 lmtp` writes before it."""

from __future__ import annotations

import asyncio
import re

from net import HOST

DOMAIN = "example.org"
# The fields that are added before the message.
ADDED = re.compile(rb"\A(?:(?:Return-Path|Received):[^\n]*\n(?:[ \t][^\n]*\n)*)*")


def without_added(octets: bytes) -> bytes:
    """The message as it was sent."""
    return octets[ADDED.match(octets).end() :]  # type: ignore[union-attr]


async def send(port: int, user: str, octets: bytes) -> str:
    """Sends a message with CRLF line ends. Returns the code for its recipient, or nothing if none came."""
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return ""
    try:
        code = await _reply(reader)
        for command in (f"LHLO {DOMAIN}", "MAIL FROM:<a@example.org> BODY=8BITMIME", f"RCPT TO:<{user}@{DOMAIN}>", "DATA"):
            if code[:1] not in "23":
                return code
            writer.write(f"{command}\r\n".encode())
            code = await _reply(reader)
        if code != "354":
            return code
        writer.write(re.sub(rb"^\.", b"..", octets, flags=re.MULTILINE) + b".\r\n")
        return await _reply(reader)
    except OSError:
        return ""
    finally:
        writer.close()


async def _reply(reader: asyncio.StreamReader) -> str:
    while line := await reader.readline():
        if line[3:4] != b"-":
            return line[:3].decode()
    raise ConnectionResetError("the end of the connection")
