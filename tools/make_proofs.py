"""Writes docs/proofs.md: every parameter of the language against the tests that prove it, on each backend.

    python tools/make_proofs.py               (or: make docs)
    python tools/make_proofs.py --missing     lists what has no proof, or not on every backend
    python tools/make_proofs.py --check       exit status 1 if something is missing, misnamed or not written yet

Tests say what they prove by `@pytest.mark.proves(...)`; they are collected, not run. Names: `np.<key>`, `sp.<key>`,
`plast.<key>`, `if.<key>` and `cc.<key>` for what all items of a kind have, `<type>.<key>` for what one type of
plasticity, optimizer, interface or core client adds, `optimizer.<name>`, `act.<name>`, `lossfn.<name>`, `init.<name>`,
`function.<name>` (of expressions), `top.<key>` (top level), and `sp.TRANSFORMER` for the one tag with a meaning.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from statestream.graph.catalogue import Catalogue, Parameter
from statestream.graph.common import ITEM
from statestream.graph.vocabulary import TOP_LEVEL
from statestream.interfaces.common import INTERFACE
from statestream.numerics.declarations import NEURON_POOL, PLASTICITY, SYNAPSE_POOL

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "proofs.md"
SHOWN = 3
"""Tests that a cell names; of more it gives the number."""

NOT_BUILT = {
    **{
        f"{kind}.{parameter.name}": parameter.planned
        for kind, declared in (("np", NEURON_POOL), ("sp", SYNAPSE_POOL), ("plast", PLASTICITY), ("if", INTERFACE))
        for parameter in declared
        if parameter.planned
    },
    **{f"cc.{key}": "sessions run without core clients" for key in ("state", "start frame", "tags")},
}
"""Declared and checked, but not computed yet, beside whole types that their declaration calls not available."""

INTRODUCTION = """\
# Proofs: which test shows which part of the language

Written by `make docs` from the marks of the tests (`@pytest.mark.proves`) and from the declarations; do not edit it.
What the parameters mean: [reference.md](reference.md); the formulas: [numerics.md](numerics.md).

A test is named by its module, its name and, in brackets, its case without the backend; (+3): and three further cases.
"All" stands for what does not depend on a backend, because no engine takes part in it. A dash: not proven there.
"""


@dataclass(frozen=True)
class Section:
    """A table of the page. backend_free: what it lists does not depend on a backend. planned: not built yet."""

    title: str
    names: tuple[str, ...]
    backend_free: frozenset[str] = frozenset()
    planned: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Proofs:
    """The tests of each (name, backend); backend "" for what holds on every one."""

    tests: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add(self, name: str, backend: str, test: str) -> None:
        """One more test; cases that differ in nothing but the backend are one."""
        known = self.tests.setdefault((name, backend), [])
        if test not in known:
            known.append(test)

    @property
    def names(self) -> set[str]:
        """Everything that some test claims to prove."""
        return {name for name, _ in self.tests}


def sections(catalogue: Catalogue) -> list[Section]:
    """All names that can be proven, in the order of the page."""
    free = {parameter.name for parameter in ITEM} | {"samples", "startframe"}  # the runtime's affair

    def keys(
        title: str,
        prefix: str,
        declared: Iterable[Parameter],
        always_free: bool = False,
        further: tuple[str, ...] = (),
    ) -> Section:
        names = [parameter.name for parameter in declared]
        return Section(
            title,
            (*(f"{prefix}.{name}" for name in names), *further),
            frozenset(f"{prefix}.{name}" for name in names if always_free or name in free),
        )

    def names(title: str, prefix: str, found: Iterable[str], always_free: bool = False) -> Section:
        listed = tuple(f"{prefix}.{name}" for name in found)
        return Section(title, listed, frozenset(listed if always_free else ()))

    def types(noun: str, declared: Mapping[str, object], always_free: bool) -> Iterator[Section]:
        planned = {}
        for type_, entry in declared.items():
            parameters: tuple[Parameter, ...] = entry.parameters  # type: ignore[attr-defined]
            if not getattr(entry, "available", True):
                planned[type_] = ", ".join(f"`{parameter.name}`" for parameter in parameters)
            elif parameters:
                yield keys(f"{noun} `{type_}`", type_, parameters, always_free)
        if planned:
            yield Section(f"{noun}: declared, not built yet", (), planned=planned)

    return [
        names("Top level", "top", TOP_LEVEL, always_free=True),
        keys("Neuron-pools", "np", catalogue.neuron_pool),
        keys("Synapse-pools", "sp", catalogue.synapse_pool, further=("sp.TRANSFORMER",)),
        keys("Plasticities", "plast", catalogue.plasticity),
        *types("Plasticity", catalogue.plasticities, always_free=False),
        names("Optimizers", "optimizer", catalogue.optimizers),
        *types("Optimizer", catalogue.optimizers, always_free=False),
        names("Loss functions", "lossfn", catalogue.losses),
        names("Activations", "act", catalogue.activations),
        names("Further functions of expressions", "function", catalogue.functions),
        names("Initialisers", "init", catalogue.initialisers, always_free=True),
        keys("Interfaces", "if", catalogue.interface, always_free=True),
        *types("Interface", catalogue.interfaces, always_free=True),
        keys("Core clients", "cc", catalogue.core_client, always_free=True),
        *types("Core client", catalogue.core_clients, always_free=True),
    ]


class Collector:
    """A plugin of pytest that reads the marks of what is collected."""

    def __init__(self) -> None:
        self.proofs = Proofs()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Called by pytest when all tests are known."""
        for item in session.items:
            for mark in item.iter_markers("proves"):
                parameters = getattr(item, "callspec", None)
                backend = parameters.params.get("backend", "numpy") if parameters else "numpy"
                for name in mark.args:
                    where = "" if mark.kwargs.get("every_backend") else str(backend)
                    self.proofs.add(name, where, _shown(item, str(backend)))


def _shown(item: pytest.Item, backend: str) -> str:
    name, bracket, case = item.name.partition("[")
    case = case.removesuffix("]")
    case = (
        case.removeprefix(backend).removeprefix("-") if case.startswith(backend) else case.removesuffix(f"-{backend}")
    )
    return f"{item.path.stem}::{name}" + (f"[{case}]" if bracket and case else "")


def collect(folder: Path | str = ROOT / "tests") -> Proofs:
    """The proofs of the tests in a folder. Ends the program if they cannot be collected."""
    collector, output = Collector(), io.StringIO()
    with contextlib.redirect_stdout(output):
        status = pytest.main(
            ["--collect-only", "-qq", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml"), str(folder)],
            plugins=[collector],
        )
    if status:
        sys.exit(output.getvalue())
    return collector.proofs


def tests_of(name: str, section: Section, proofs: Proofs, backends: Iterable[str]) -> dict[str, list[str]]:
    """The tests that prove a name: {backend: tests}, or {"": tests} for all backends at once."""
    found = {backend: proofs.tests.get((name, backend), []) for backend in ("", *backends)}
    if name in section.backend_free:
        return {"": list(dict.fromkeys(test for tests in found.values() for test in tests))}
    if found[""]:
        return {"": found[""]}
    del found[""]
    return found


def missing(catalogue: Catalogue, proofs: Proofs) -> tuple[list[str], list[str]]:
    """(names that no test proves, "name: backends" where some lack a proof)."""
    nowhere, somewhere = [], []
    for section in sections(catalogue):
        for name in section.names:
            if name in NOT_BUILT:
                continue
            found = tests_of(name, section, proofs, catalogue.backends)
            lacking = [backend for backend, tests in found.items() if not tests]
            if len(lacking) == len(found):
                nowhere.append(name)
            elif lacking:
                somewhere.append(f"{name}: not on {', '.join(lacking)}")
    return nowhere, somewhere


def faults(catalogue: Catalogue, proofs: Proofs) -> list[str]:
    """What must be put right: one line each."""
    known = {name for section in sections(catalogue) for name in section.names}
    planned = {type_ for section in sections(catalogue) for type_ in section.planned}
    lines = [f"{name}: no test proves it" for name in missing(catalogue, proofs)[0]]
    for name in sorted(proofs.names - known):
        if name.partition(".")[0] in planned:
            lines.append(f"{name}: proven, but its type is declared as not available")
            continue
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        tests = [test for (claimed, _), found in proofs.tests.items() if claimed == name for test in found]
        lines.append(f"{name}: there is no such thing, but {tests[0]} proves it{hint}")
    for name in sorted(NOT_BUILT):
        if name not in known or name in proofs.names:
            what = "proven" if name in known else "not declared"
            lines.append(f"{name}: {what}, so it must leave NOT_BUILT in tools/make_proofs.py")
    return lines


def cell(tests: list[str]) -> str:
    """Names of tests, or a dash. Of a test with many cases the first one stands for all, if it has a name to read."""
    cases: dict[str, list[str]] = {}
    for test in tests:
        name, _, case = test.partition("[")
        cases.setdefault(name, []).append(case.removesuffix("]"))
    parts = []
    for name, known in cases.items():
        named = bool(re.fullmatch(r"[\w-]+", known[0]))
        more = f" (+{len(known) - 1})" if named and known[1:] else f" ({len(known)} cases)" if known[1:] else ""
        parts.append(f"`{name}[{known[0]}]`{more}" if named else f"`{name}`{more}")
    return ", ".join(parts[:SHOWN]) + (f" and {len(parts) - SHOWN} more" if len(parts) > SHOWN else "") or "–"


def row(name: str, section: Section, proofs: Proofs, backends: tuple[str, ...]) -> str:
    """A line of a table."""
    if name in NOT_BUILT:
        cells = [f"*not built yet: {NOT_BUILT[name]}*", *[""] * (len(backends) - 1)]
    else:
        found = tests_of(name, section, proofs, backends)
        if "" in found:
            cells = [("All: " if found[""] else "") + cell(found[""]), *[""] * (len(backends) - 1)]
        else:
            first = found[backends[0]]
            same = [
                "the same" if found[backend] == first and first else cell(found[backend]) for backend in backends[1:]
            ]
            cells = [cell(first), *same]
    return "| " + " | ".join([f"`{name}`", *cells]) + " |"


def page(catalogue: Catalogue, proofs: Proofs) -> str:
    """The whole page."""
    backends = catalogue.backends
    lines = [INTRODUCTION]
    for section in sections(catalogue):
        lines += [f"## {section.title}", ""]
        lines += [f"* `{type_}`: {keys or 'no keys of its own'}" for type_, keys in section.planned.items()]
        if section.names:
            lines += ["| " + " | ".join(["parameter", *backends]) + " |", "|" + "---|" * (len(backends) + 1)]
            lines += [row(name, section, proofs, backends) for name in section.names]
        lines.append("")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Write the page, or say what is wrong. Returns the exit status."""
    from statestream.catalogue import default_catalogue

    parser = argparse.ArgumentParser(description="the table of proofs, docs/proofs.md")
    parser.add_argument("--missing", action="store_true", help="list what has no proof")
    parser.add_argument("--check", action="store_true", help="say what is wrong, and write nothing")
    options = parser.parse_args(arguments)
    catalogue, proofs = default_catalogue(), collect()
    if options.missing:
        print("\n".join([*faults(catalogue, proofs), *missing(catalogue, proofs)[1]]))
        return 0
    written = page(catalogue, proofs)
    if not options.check:
        TARGET.write_text(written, encoding="utf-8")
        return 0
    wrong = faults(catalogue, proofs)
    engines = {"tensorflow", "pytensor", "torch"} & set(sys.modules)
    wrong += [f"collecting the tests loads {name}" for name in sorted(engines)]
    if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != written:
        wrong.append("docs/proofs.md is not current: run `make docs`")
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
