"""Writes constraints.txt: the exact versions of the packages in the environment that runs this script.

Run it in a fresh environment, made with an empty constraints.txt, in which the whole test suite has passed:

    python tools/make_constraints.py
"""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = """\
# The versions that the test suite was run with, on Python {version}. `make` installs with them; pip install -c
# constraints.txt does too. On another Python they do not apply, and pyproject.toml's bounds decide alone.
# Written by tools/make_constraints.py.
"""
# The project itself, and what every virtual environment brings along.
LEFT_OUT = {"statestream", "pip", "setuptools", "wheel"}


def constraints() -> str:
    """The text of constraints.txt for the running interpreter's environment, in alphabetical order."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    pins = {
        re.sub(r"[-_.]+", "-", found.name).lower(): found.version
        for found in metadata.distributions()
        if found.name not in LEFT_OUT
    }
    lines = [f"{name}=={pin} ; python_version == '{version}'\n" for name, pin in sorted(pins.items())]
    return HEADER.format(version=version) + "".join(lines)


if __name__ == "__main__":
    (ROOT / "constraints.txt").write_text(constraints(), encoding="utf-8")
