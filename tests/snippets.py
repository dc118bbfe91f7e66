"""Reading and running the examples of the documentation.

Every fenced block of README.md and docs/*.md is one of

    ```console   commands after `$ ` (continued after `> `), run by bash; lines between them are the expected output, in
                 which `...` stands for anything. Without such lines the output is not looked at.
    ```python    a script
    ```yaml      must be valid YAML
    ```text      not run

A comment in the line before a block says more, `<!-- key: value; key: value -->`:

    exit: 2                 the last command's (or the script's) exit status, 0 by default
    file: net.st_graph      the block is written to this file, for the blocks after it
    needs: runtime          see NEEDS; run as soon as these modules exist
    continues: yes          a Python block that goes on where the one before it ended
    tested by: a, b         run elsewhere: each of its commands is written out in one of these files
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

LANGUAGES = {"console", "python", "yaml", "text"}
KEYS = {"exit", "file", "needs", "continues", "tested by"}
NEEDS = {"runtime": ("statestream.core", "statestream.session")}
DEADLINE = 240.0
MARK = "--- exit status"


@dataclass(frozen=True)
class Block:
    """One fenced block. line: of its opening fence, counted from 1."""

    line: int
    language: str
    text: str
    options: dict[str, str] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Whether the modules that it needs exist."""
        modules = NEEDS[self.options["needs"]] if "needs" in self.options else ()
        return all(find_spec(module) is not None for module in modules)


def options(line: str) -> dict[str, str]:
    """The settings in a comment before a block; none if the line is no such comment."""
    match = re.fullmatch(r"<!-- (.*) -->", line.strip())
    if not match:
        return {}
    pairs = dict(part.strip().split(": ", 1) for part in match[1].split(";"))
    if unknown := set(pairs) - KEYS:
        raise ValueError(f"unknown: {sorted(unknown)}; known: {sorted(KEYS)}")
    return pairs


def blocks(page: str) -> list[Block]:
    """All fenced blocks of a Markdown page, in order."""
    lines = page.splitlines()
    found = []
    start: int | None = None
    for number, line in enumerate(lines):
        if not line.lstrip().startswith("```"):
            continue
        if start is None:
            start = number
            continue
        language = lines[start].strip().removeprefix("```")
        if language not in LANGUAGES:
            raise ValueError(f"line {start + 1}: a block of {language!r}; known: {sorted(LANGUAGES)}")
        before = options(lines[start - 1]) if start else {}
        found.append(Block(start + 1, language, "\n".join(lines[start + 1 : number]) + "\n", before))
        start = None
    if start is not None:
        raise ValueError(f"line {start + 1}: the block is not closed")
    return found


def commands(text: str) -> list[tuple[str, str]]:
    """(command, expected output) of a console block."""
    pairs: list[tuple[str, str]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            pairs.append((line[2:], ""))
        elif not pairs:
            raise ValueError(f"output before the first command: {line!r}")
        elif line.startswith("> "):
            pairs[-1] = (f"{pairs[-1][0]}\n{line[2:]}", pairs[-1][1])
        else:
            pairs[-1] = (pairs[-1][0], pairs[-1][1] + line + "\n")
    return pairs


def fits(expected: str, output: str) -> bool:
    """Whether the output is what the page shows; `...` stands for anything, also for several lines."""
    if not expected:
        return True
    tidy = ["\n".join(line.rstrip() for line in text.strip().splitlines()) for text in (expected, output)]
    pattern = ".*".join(re.escape(part) for part in tidy[0].split("..."))
    return re.fullmatch(pattern, tidy[1], re.DOTALL) is not None


def environment() -> dict[str, str]:
    """The tests' environment, with the running interpreter's programs first."""
    return os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


def execute(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in the folder, without a terminal; its error output comes with its output."""
    return subprocess.run(
        arguments,
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


def run_console(block: Block, folder: Path) -> list[str]:
    """Run a console block; what went wrong, one text per finding."""
    pairs = commands(block.text)
    script = "".join(f"{command}\nprintf '\\n{MARK} %d\\n' $?\n" for command, _ in pairs)
    result = execute(["bash", "-c", script], folder)
    parts = re.split(rf"\n{MARK} (\d+)\n", result.stdout)
    if len(parts) != 2 * len(pairs) + 1:
        return [f"the shell ended early (status {result.returncode}):\n{result.stdout}"]
    findings = []
    for index, (command, expected) in enumerate(pairs):
        output, status = parts[2 * index], int(parts[2 * index + 1])
        wanted = int(block.options.get("exit", 0)) if index == len(pairs) - 1 else 0
        if status != wanted:
            findings.append(f"$ {command}\nexit status {status}, not {wanted}:\n{output}")
        elif not fits(expected, output):
            findings.append(f"$ {command}\nprinted\n{output}\nwhere the page shows\n{expected}")
    return findings


def run_python(text: str, block: Block, folder: Path) -> list[str]:
    """Run a Python block, with the blocks it continues before it; what went wrong."""
    result = execute([sys.executable, "-W", "error", "-c", text], folder)
    wanted = int(block.options.get("exit", 0))
    return [] if result.returncode == wanted else [f"exit status {result.returncode}:\n{result.stdout}"]


def links(page: str) -> list[str]:
    """The relative files that a page links to, without anchors."""
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", page, flags=re.DOTALL))
    return [target.split("#")[0] for target in targets if "://" not in target and not target.startswith("#")]
