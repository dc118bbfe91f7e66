"""Text in and out: lines into commands, anything into what a terminal may safely be given, answers as JSON."""

from __future__ import annotations

import json
import math
import re
from typing import Any

_PART = re.compile(r"""(?P<comment>(?:^|(?<=;)\s)\s*\#.*|\s\#(?:\s.*)?$)|(?P<end>;)|'[^']*'|"[^"]*"|.""", re.DOTALL)
"""What a line consists of: comments, ends of commands, quoted parts, single characters."""
_LONGEST_MESSAGE = 2000
_LONGEST_QUOTE = 60


def commands(line: str) -> list[str]:
    """The commands of one line: separated by `;`, nothing after a `#` at the start or between blanks.

    So `#tag` within a command is a word of it, and neither counts within quotes.
    """
    found = [""]
    for part in _PART.finditer(line):
        if part["end"]:
            found.append("")
        elif not part["comment"]:
            found[-1] += part[0]
    return [command.strip() for command in found if command.strip()]


def safe(text: str) -> str:
    """The text with nothing in it that a terminal would obey, except ends of lines and tabs."""
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


def one_line(text: str, limit: int = _LONGEST_MESSAGE) -> str:
    """The text as one line, safe to print, cut where it is very long."""
    line = safe(" ".join(text[: 2 * limit].split()))
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


def failure(command: str, error: str) -> str:
    """The one line about a command that failed."""
    return f"{one_line(command, _LONGEST_QUOTE)}: {one_line(error)}"


def json_line(content: dict[str, Any]) -> str:
    """An object as one line of valid JSON: what is not finite becomes null."""
    return json.dumps(_finite(content), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return value
