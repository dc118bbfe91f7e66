"""Writes examples/README.md: every example with what its first two lines say.

    python tools/make_examples.py            (or: make docs)

A test compares the file with what this script would write.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
TARGET = EXAMPLES / "README.md"

INTRODUCTION = """\
# Examples

Written by `make docs` from the first lines of the files; do not edit it.

One small graph for each thing that the language can say; they start within a second. Run one with
`statestream examples/delay_line.st_graph`, then `step`, `stream 100`, `show ITEM`; or from Python:

```python
import statestream as sst

with sst.Session("examples/delay_line.st_graph") as session:
    session.step(10)
    print(session["ago_3"].state)
```

Files that begin with `test_` treat the subject that the file of that name treated in the original toolbox. Every file
here is run by the tests, which check that it shows what it says.

| example | what it shows | where to look |
|---|---|---|
"""


def head(path: Path) -> tuple[str, str]:
    """The first two lines of a graph file, without `# `, `Look at`, and the full stop."""
    first, second, *_ = path.read_text(encoding="utf-8").splitlines()
    return first.removeprefix("# "), second.removeprefix("#").strip().removeprefix("Look at ")


def cell(text: str) -> str:
    """The text, safe inside a cell of a table."""
    return text.replace("|", "\\|")


def readme() -> str:
    """The text of examples/README.md."""
    rows = (
        f"| [{path.stem}]({path.name}) | " + " | ".join(map(cell, head(path))) + " |"
        for path in sorted(EXAMPLES.glob("*.st_graph"))
    )
    return INTRODUCTION + "\n".join(rows) + "\n"


if __name__ == "__main__":
    TARGET.write_text(readme(), encoding="utf-8")
