"""The make targets: one set-up, done once, repeated when it has to be, in whatever folder the checkout lies."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

# Stands for the interpreter: answers questions truly, and "makes" an environment whose python writes down what it does.
PYTHON = """#!/bin/sh
case "$*" in
    "-m venv --clear "*)
        echo "venv $4" >>"{log}"
        mkdir -p "$4/bin"
        cp "{inner}" "$4/bin/python"
        echo "VIRTUAL_ENV=$(pwd -P)/$4" >"$4/bin/activate";;
    *) exec "{python}" "$@";;
esac
"""
INNER = """#!/bin/sh
case "$*" in
    "-m pip install "*) echo pip >>"{log}"; test ! -e "{log}.offline";;
    "-m pip --version" | "-c ") exit 0;;
    *) echo "$(pwd -P): $*" >>"{log}";;
esac
"""


class Checkout:
    """A copy of the set-up's files, with a stand-in for Python; `make` runs a target in it."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder = folder / "check out"
        self.log = folder / "log"
        (self.folder / "statestream" / "ccpp").mkdir(parents=True)
        (self.folder / "statestream" / "ccpp" / "kernel.c").write_text("")
        for name in ("tests", "benchmarks"):
            (self.folder / name).mkdir()
        for name in ("Makefile", "pyproject.toml", "setup.py", "constraints.txt"):
            shutil.copy(root / name, self.folder)
        shutil.copytree(root / "tools", self.folder / "tools", ignore=shutil.ignore_patterns("__pycache__"))
        for path in self.folder.rglob("*"):
            os.utime(path, (1e9, 1e9))
        self.python = folder / "python"
        inner = folder / "inner"
        for path, text in ((inner, INNER), (self.python, PYTHON)):
            path.write_text(text.format(log=self.log, inner=inner, python=sys.executable), encoding="utf-8")
            path.chmod(0o755)

    def make(self, *arguments: str, status: int = 0) -> str:
        """Run make; the text it printed."""
        outer = {name for name in os.environ if name.startswith(("MAKE", "MFLAGS"))}
        result = subprocess.run(
            ["make", f"PYTHON={self.python}", *arguments],
            cwd=self.folder,
            env={name: value for name, value in os.environ.items() if name not in outer},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert (result.returncode == 0) == (status == 0), result.stdout
        return result.stdout

    def stamp(self) -> Path:
        """A stamp outside that says that all is done."""
        path = self.folder.with_name("stamp")
        path.write_text(f"{self.folder}\n", encoding="utf-8")
        return path

    def done(self) -> list[str]:
        """What was done since the last question."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def checkout(tmp_path: Path, root: Path) -> Checkout:
    return Checkout(tmp_path, root)


def test_the_second_run_does_nothing(checkout: Checkout) -> None:
    checkout.make("install")
    assert checkout.done() == ["venv .venv", "pip"]
    checkout.make("install")
    assert checkout.done() == []


def test_demo_starts_core_in_its_folder(checkout: Checkout) -> None:
    checkout.make("demo")
    *_, last = checkout.done()
    assert last == f"{checkout.folder}/statestream: core.py ../examples/demo.st_graph"


def test_demo_finds_an_environment_elsewhere(checkout: Checkout) -> None:
    """Also where its path has blanks, which make's own functions take for several paths."""
    checkout.make("install")
    (checkout.folder / ".venv").rename(checkout.folder.with_name("other place"))
    checkout.done()
    checkout.make("demo", f"VENV={checkout.folder.parent}/other place", f"STAMP={checkout.stamp()}")
    *_, last = checkout.done()
    assert last == f"{checkout.folder}/statestream: core.py ../examples/demo.st_graph"


def test_test_runs_everything(checkout: Checkout) -> None:
    checkout.make("test", "ARGS=-k graph")
    *_, last = checkout.done()
    assert last == f"{checkout.folder}: -m pytest -k graph"


@pytest.mark.parametrize("name", ["pyproject.toml", "setup.py", "constraints.txt", "statestream/ccpp/kernel.c"])
def test_a_change_is_installed_into_the_same_environment(checkout: Checkout, name: str) -> None:
    checkout.make("install")
    checkout.done()
    later = time.time() + 10
    os.utime(checkout.folder / name, (later, later))
    checkout.make("install")
    assert checkout.done() == ["pip"]


def test_an_interrupted_installation_is_repeated(checkout: Checkout) -> None:
    offline = Path(f"{checkout.log}.offline")
    offline.touch()
    checkout.make("install", status=2)
    assert not (checkout.folder / ".venv" / ".installed").exists()
    offline.unlink()
    checkout.done()
    checkout.make("install")
    assert checkout.done() == ["pip"]


def test_a_failed_renewal_leaves_no_stamp(checkout: Checkout) -> None:
    checkout.make("install")
    later = time.time() + 10
    os.utime(checkout.folder / "setup.py", (later, later))
    Path(f"{checkout.log}.offline").touch()
    checkout.make("install", status=2)
    assert not (checkout.folder / ".venv" / ".installed").exists()


def test_a_moved_checkout_is_set_up_anew(checkout: Checkout) -> None:
    checkout.make("install")
    checkout.done()
    checkout.folder = checkout.folder.rename(checkout.folder.with_name("moved"))
    checkout.make("install")
    assert checkout.done() == ["venv .venv", "pip"]


def test_a_vanished_interpreter_is_replaced(checkout: Checkout) -> None:
    checkout.make("install")
    checkout.done()
    (checkout.folder / ".venv" / "bin" / "python").unlink()
    checkout.make("install")
    assert checkout.done() == ["venv .venv", "pip"]


def test_nothing_is_done_where_something_is_missing(checkout: Checkout) -> None:
    output = checkout.make("demo", "PYTHON=/nonexistent/python", status=2)
    assert "'/nonexistent/python' does not run" in output
    assert checkout.done() == []
    assert not (checkout.folder / ".venv").exists()


def test_clean_makes_the_next_target_build_again(checkout: Checkout) -> None:
    checkout.make("install")
    checkout.done()
    checkout.make("clean")
    checkout.make("install")
    assert checkout.done() == ["pip"]
    checkout.make("distclean")
    assert not (checkout.folder / ".venv").exists()


def test_the_environment_has_no_say(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that happens to be called ARGS or VENV, as in a `make` that runs these tests, changes nothing."""
    for name in ("ARGS", "VENV", "STAMP", "CONSTRAINTS"):
        monkeypatch.setenv(name, "elsewhere")
    checkout.make("test")
    assert checkout.done() == ["venv .venv", "pip", f"{checkout.folder}: -m pytest"]


def test_help_lists_every_target(checkout: Checkout) -> None:
    text = (checkout.folder / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony
    listed = re.findall(r"^  make (\w+)", checkout.make(), re.MULTILINE)
    assert {*listed, "help", "always"} == set(phony[1].split())
    assert checkout.done() == []
