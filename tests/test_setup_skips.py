"""A skipped test that nobody expects is a failure (the rule of tests/conftest.py)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import allowed_skips

SUITE = """
import pytest

@pytest.mark.skip(reason="marked")
def test_marked(): pass

def test_inside(): pytest.skip("inside")

@pytest.mark.xfail
def test_expected_to_fail(): assert False

def test_passes(): pass
"""


def run(folder: Path, root: Path, allowed: str, **modules: str) -> str:
    """Run a test suite of these modules under the project's rules; pytest's text."""
    for name in ("tests/conftest.py", "pyproject.toml"):
        shutil.copy(root / name, folder)
    (folder / "allowed_skips.txt").write_text(allowed, encoding="utf-8")
    for name, text in modules.items():
        (folder / f"test_{name}.py").write_text(text, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(folder)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return result.stdout


def test_unexpected_skips_fail(tmp_path: Path, root: Path) -> None:
    output = run(tmp_path, root, "", suite=SUITE)
    assert "2 failed, 1 passed, 1 error" in output
    assert "test_inside was skipped (Skipped: inside)" in output


def test_expected_skips_pass(tmp_path: Path, root: Path) -> None:
    allowed = "test_suite.py::test_marked: why\ntest_suite.py::test_[ie]*: because  # and a comment\n"
    assert "1 passed, 2 skipped, 1 xfailed" in run(tmp_path, root, allowed, suite=SUITE)


def test_a_skipped_module_fails(tmp_path: Path, root: Path) -> None:
    output = run(tmp_path, root, "", module="import pytest\npytest.importorskip('no_such_module')\n")
    assert "1 error" in output
    assert "test_module.py was skipped" in output


def test_the_list_needs_reasons(root: Path) -> None:
    with pytest.raises(pytest.UsageError, match=":2: no reason"):
        allowed_skips("# none\ntest_a.py::test_b\n")
    allowed_skips((root / "tests" / "allowed_skips.txt").read_text(encoding="utf-8"))
