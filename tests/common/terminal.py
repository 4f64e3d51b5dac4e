"""A command on a terminal of its own, at which somebody types a password when asked."""

from __future__ import annotations

import os
import pty
import re
import select
import time

PASSWORD = b"a secret with spaces"
PROMPT = re.compile(rb"(assword[^\n]*|The same again): ?$")


class Terminal:
    """A command that runs on its own terminal. Each of its waits has a limit in seconds."""

    def __init__(self, command: list[str], seconds: float) -> None:
        self.output = b""
        self._answered = 0
        self._seconds = seconds
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.execvp(command[0], command)

    def _read(self, deadline: float) -> bool:
        """Reads the output, and types the password at its prompt. Returns False at the end."""
        ready, _, _ = select.select([self._terminal], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise RuntimeError("it took too long")
        try:
            octets = os.read(self._terminal, 65536)
        except OSError:
            return False
        self.output += octets
        if PROMPT.search(self.output, self._answered):
            self._answered = len(self.output)
            os.write(self._terminal, PASSWORD + b"\n")
        return bool(octets)

    def wait_for(self, text: bytes) -> None:
        """Waits for a text in the output."""
        deadline = time.monotonic() + self._seconds
        while text not in self.output:
            if not self._read(deadline):
                raise RuntimeError("it ended")

    def wait(self) -> int:
        """Waits for the end, and returns the exit code."""
        deadline = time.monotonic() + self._seconds
        while self._read(deadline):
            pass
        code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        os.close(self._terminal)
        return code

    def interrupt(self) -> int:
        """Types Ctrl+C, and returns the exit code."""
        os.write(self._terminal, b"\x03")
        return self.wait()
