"""`load_graph`: the way from a `.st_graph` file, or a dict, to a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from statestream.graph.build import Origin
from statestream.graph.catalogue import Catalogue
from statestream.graph.expansion import expand
from statestream.graph.findings import Collector, Finding, GraphError, TooManyFindings
from statestream.graph.network import Network
from statestream.graph.reader import read_file, read_value
from statestream.graph.schema import Schemas

DICT = "<dict>"
"""Stands for the file of a graph that is given as a dict."""


def load_graph(
    source: str | PathLike[str] | Mapping[str, Any],
    *,
    catalogue: Catalogue,
    agents: int | None = None,
    backend: str | None = None,
    settings: Mapping[str, Any] | None = None,
    strict: bool = False,
    default_backend: str = "theano",
    search: Iterable[str | PathLike[str]] = (),
) -> Network:
    """Read, expand and check a graph; neither its data nor its devices are needed.

    source: path of a `.st_graph` file, or the same as a dict. agents, backend: replace the graph's own values.
    settings: "item.parameter" -> value, replaces parameters of items; a text is read as YAML. strict: warnings are
    errors. default_backend: where the graph names none. search: folders to import from, after the file's own.
    Raises GraphError with everything that is wrong, and nothing else.
    """
    file = DICT if isinstance(source, Mapping) else _file(source)
    try:
        origin = _read(source, file, catalogue, strict, default_backend, [Path(fspath(each)) for each in search])
        return origin.network(agents, backend, settings)
    except (RecursionError, MemoryError) as error:
        # The limits on depth and size make this all but impossible; a hostile file still gets an answer.
        message = f"the graph is too deeply nested or too large ({type(error).__name__})"
        raise GraphError([Finding(file, None, "", "", message)]) from None


def _file(source: str | PathLike[str]) -> str:
    path = fspath(source)
    if not isinstance(path, str):
        raise GraphError([Finding(repr(path), None, "", "", "a path is a text")])
    return path


def _read(
    source: Any, file: str, catalogue: Catalogue, strict: bool, default_backend: str, search: list[Path]
) -> Origin:
    findings = Collector()
    text = ""
    root, path = None, None if isinstance(source, Mapping) else Path(file)
    try:
        if path is None:
            root = read_value(source, DICT, findings)
        else:
            root, text = read_file(file, findings)
        if root is not None and isinstance(root.value, dict):
            root = expand(root, path, search, Schemas(catalogue).same, findings)
    except TooManyFindings:
        findings.check()
    found = (tuple(findings.errors), tuple(findings.warnings))
    return Origin(root, None if path is None else file, text, catalogue, strict, default_backend, found)
