"""What all tests share: where things are, a settings folder of their own, and the rule about skipped tests.

A skip hides a test that does not run. So each one must be expected: tests/allowed_skips.txt names it with its reason,
and every other skip (or xfail) is turned into a failure, here and in continuous integration alike.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Generator, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType

import pytest

import statestream as sst

TESTS = Path(__file__).resolve().parent
ALLOWED_SKIPS = TESTS / "allowed_skips.txt"


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return TESTS.parent


@pytest.fixture(scope="session")
def tool(root: Path) -> Callable[[str], ModuleType]:
    """Imports a program of tools/ by its name; each module once, under that name."""

    def load(name: str) -> ModuleType:
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, root / "tools" / f"{name}.py")
            assert spec and spec.loader
            sys.modules[name] = importlib.util.module_from_spec(spec)  # dataclasses look their own module up
            spec.loader.exec_module(sys.modules[name])
        return sys.modules[name]

    return load


@pytest.fixture
def example(request: pytest.FixtureRequest, root: Path) -> Iterator[sst.Session]:
    """A session of the example that the test is named after: examples/x or examples/test_x for test_x; seed 1.

    Numpy computes it, in one session for all examples.
    """
    from engines import running

    names = (request.function.__name__, request.function.__name__.removeprefix("test_"))
    (path,) = [path for name in names if (path := root / "examples" / f"{name}.st_graph").is_file()]
    with running("numpy", path, seed=1, strict=True) as session:
        yield session


@pytest.fixture(scope="session")
def oracle() -> Path:
    """The folder of the numbers that the original toolbox computed (tests/oracle/README.md)."""
    return TESTS / "oracle"


@pytest.fixture(scope="session", autouse=True)
def statestream_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """$STATESTREAM_HOME of this test run, for this process and its children: the user's own is never touched."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STATESTREAM_HOME", str(home))
        yield home
        if "engines" in sys.modules:
            sys.modules["engines"].close_all()


def allowed_skips(text: str) -> list[str]:
    """The patterns of test ids in an allow-list: lines `pattern: reason`; # begins a comment."""
    patterns = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        pattern, separator, reason = line.partition(": ")
        if not separator or not reason.strip():
            raise pytest.UsageError(f"{ALLOWED_SKIPS.name}:{number}: no reason given (`pattern: reason`)")
        patterns.append(pattern)
    return patterns


def pytest_configure(config: pytest.Config) -> None:
    """Read the list once."""
    config.stash[SKIPS] = allowed_skips(ALLOWED_SKIPS.read_text(encoding="utf-8"))


SKIPS = pytest.StashKey[list[str]]()


def refuse_skip(report: pytest.TestReport | pytest.CollectReport, config: pytest.Config) -> None:
    """Turn the report of an unexpected skip into that of a failure."""
    if not report.skipped or any(fnmatchcase(report.nodeid, pattern) for pattern in config.stash[SKIPS]):
        return
    why = report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", "xfail")
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid} was skipped ({why}), and tests/allowed_skips.txt does not expect it."
    if hasattr(report, "wasxfail"):
        del report.wasxfail


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Skips of single tests, from within or by a mark."""
    report = yield
    refuse_skip(report, item.config)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Skips of whole modules."""
    report = yield
    refuse_skip(report, collector.config)
    return report
