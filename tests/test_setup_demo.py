"""`make demo`, as a newcomer types it; only that its standard input is a script here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def make(root: Path, stamp: Path, *arguments: str, script: str = "") -> subprocess.CompletedProcess[str]:
    """Run make in the environment that runs the tests, which counts as set up; the script is its standard input."""
    stamp.write_text(f"{root}\n", encoding="utf-8")
    return subprocess.run(
        ["make", *arguments, f"VENV={sys.prefix}", f"STAMP={stamp}"],
        cwd=root,
        env={name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))},
        input=script,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.mark.slow
def test_make_demo(root: Path, tmp_path: Path) -> None:
    result = make(root, tmp_path / "stamp", "demo", script="stream 5\nshow roman_numerals\nexit\n")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "roman_numerals" in result.stdout


def test_make_test(root: Path, tmp_path: Path) -> None:
    """`make test` is pytest over the whole suite: nothing is left out or chosen."""
    result = make(root, tmp_path / "stamp", "--dry-run", "test")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.strip() == f'"{sys.prefix}/bin"/python -m pytest'
