"""The lines of the server's log."""

from __future__ import annotations

import json
import re

from basics import must

# A line in the text format: time, level, and fields in which nothing is outside its quotes.
LINE = re.compile(r'20\d\d-\d\d-\d\dT[\d:.]+Z +(?:ERROR|WARN|INFO|DEBUG)[ \w,.:;()/\'-]*(?: ?\w+=(?:"(?:[^"\\]|\\.)*"|[^" ]*))*')


def judge_log(text: str, in_json: bool) -> None:
    """Fails if a line is anything but the server's own, whatever a client has sent."""
    for line in text.split("\n")[:-1]:
        must(json_line(line) if in_json else LINE.fullmatch(line), f"not a line of the log: {line[:300]!r}")
        must("panicked" not in line, f"a panic: {line[:300]!r}")


def json_line(line: str) -> bool:
    """Whether it is one JSON object, with the fields that each line of the log has, and none twice."""

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a field comes twice")
        return dict(pairs)

    try:
        return {"timestamp", "level", "message"} <= json.loads(line, object_pairs_hook=once).keys()
    except ValueError:
        return False
