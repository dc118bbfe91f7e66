"""The preflight names everything that a machine lacks, all at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# What the script itself and the stubs need of a machine.
BASICS = ("sh", "printf", "cat", "env")


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder that will be the whole PATH: compilers that accept everything, and the running Python as `python`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in BASICS:
        found = shutil.which(tool)
        assert found
        (folder / tool).symlink_to(found)
    for tool in ("gcc", "g++"):
        program(folder, tool, "cat >/dev/null")
    program(folder, "make", "exit 0")
    program(folder, "python", f'exec "{sys.executable}" "$@"')
    return folder


def preflight(root: Path, machine: Path, python: str = "python") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(root / "tools" / "preflight.sh"), python],
        env=os.environ | {"PATH": str(machine)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def lacks(result: subprocess.CompletedProcess[str]) -> list[str]:
    return [line.removeprefix("  - ") for line in result.stderr.splitlines() if line.startswith("  - ")]


def test_a_complete_machine_passes_without_a_word(root: Path, machine: Path) -> None:
    result = preflight(root, machine)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_this_machine_passes(root: Path) -> None:
    subprocess.run(["sh", str(root / "tools" / "preflight.sh"), sys.executable], check=True, timeout=60)


def test_everything_missing_is_named_at_once(root: Path, machine: Path) -> None:
    for tool in ("gcc", "g++", "make", "python"):
        (machine / tool).unlink()
    result = preflight(root, machine)
    assert result.returncode == 1
    found = lacks(result)
    assert found[:3] == ["gcc", "g++", "make"]
    assert "does not run" in found[3]
    assert "apt-get install" in result.stderr


def test_no_interpreter_at_all(root: Path, machine: Path) -> None:
    assert "none of python3.11" in lacks(preflight(root, machine, ""))[0]


def test_an_old_interpreter_is_told_by_its_version(root: Path, machine: Path) -> None:
    program(machine, "python", 'case "$2" in "") exit 0;; *exit*) exit 1;; *) echo 3.9;; esac')
    assert lacks(preflight(root, machine)) == ["Python 3.11, 3.12 or 3.13 ('python' is 3.9)"]


def test_missing_parts_of_python(root: Path, machine: Path, tmp_path: Path) -> None:
    """As on Debian without the packages -venv and -dev."""
    (machine / "python").unlink()
    program(
        machine,
        "python",
        f"""case "$2" in
            "import ensurepip") exit 1;;
            *sysconfig*) echo "{tmp_path}/include";;
            *) exec "{sys.executable}" "$@";;
        esac""",
    )
    found = lacks(preflight(root, machine))
    assert len(found) == 2
    assert "ensurepip" in found[0]
    assert found[1].startswith("Python.h")


@pytest.mark.parametrize(("found", "named"), [("3.13", "3.13"), ("3.9", "3.11")])
def test_the_packages_named_are_those_of_the_interpreter(root: Path, machine: Path, found: str, named: str) -> None:
    """A release that has Python 3.13 has no package python3.11."""
    good = int(found in ("3.12", "3.13"))
    program(machine, "python", f"""case "$2" in "") exit 0;; *exit*) exit {1 - good};; *) echo {found};; esac""")
    packages = f"python{named} python{named}-venv python{named}-dev gcc g++ make"
    assert f"sudo apt-get install {packages}\n" in preflight(root, machine).stderr


def test_compilers_without_headers(root: Path, machine: Path) -> None:
    for tool in ("gcc", "g++"):
        program(machine, tool, "cat >/dev/null; exit 1")
    found = lacks(preflight(root, machine))
    assert len(found) == 2
    assert found[0].startswith("C headers")
    assert found[1].startswith("the C++ standard library")
