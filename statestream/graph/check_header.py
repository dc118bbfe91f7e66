"""Checks of what a graph says about itself: name, agents, backend, seed, external models (numbers 2 and 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from statestream.graph.catalogue import Catalogue, Parameter
from statestream.graph.findings import Collector, Mark, listing, nearest, shorten
from statestream.graph.tree import BROKEN, Node, freeze, plain, shown
from statestream.graph.values import Context, Wrong, value_of
from statestream.graph.vocabulary import SEEDS

GREATEST_AGENTS = 2**20


@dataclass(frozen=True)
class Header:
    """The checked top-level values; agents is None where it is wrong."""

    name: str
    agents: int | None
    backend: str
    random_seed: int | None
    models: Mapping[str, Any]


def check_header(root: Node, catalogue: Catalogue, default_backend: str, findings: Collector) -> Header:
    """Check the top level apart from the sections."""
    context = Context(catalogue, {})

    def read(parameter: Parameter) -> Any:
        node = root.entries.get(parameter.name)
        if node is None:
            if parameter.required:
                findings.error(root.mark, "", parameter.name, f"'{parameter.name}' is missing: {parameter.help}")
            return None
        try:
            return value_of(parameter, node, context)
        except Wrong as wrong:
            if wrong.message is not None:
                findings.error(wrong.node.mark, "", parameter.name, wrong.message)
            return None

    name = read(Parameter("name", "text", required=True, help="the network's name, a text"))
    if name is not None and not _is_file_name(name):
        message = f"found '{shorten(name)}'; allowed: a text that can be part of a file name"
        findings.error(root.entries["name"].mark, "", "name", message)
    agents = Parameter("agents", "int", minimum=1, maximum=GREATEST_AGENTS, required=True, help="the batch size")
    backend = read(Parameter("backend", "backend"))
    if backend is None and default_backend not in catalogue.backends:
        message = f"found '{shorten(default_backend)}'; allowed: {listing(catalogue.backends)}"
        findings.error(Mark("settings"), "", "default_backend", message)
    for key in SEEDS[1:]:
        if key in root.entries and SEEDS[0] in root.entries:
            findings.warn(root.entries[key].place, "", key, f"'{key}' has no effect beside '{SEEDS[0]}'")
    seeds = [read(Parameter(key, "int", minimum=0)) for key in SEEDS]
    return Header(
        name or "",
        read(agents),
        backend or default_backend,
        next((seed for seed in seeds if seed is not None), None),
        _models(root, catalogue, findings),
    )


def _is_file_name(name: str) -> bool:
    """A name becomes part of the names of saved files: it must not lead elsewhere."""
    return 0 < len(name) <= 200 and name.isprintable() and not name.startswith(".") and not set(name) & set("/\\:\0")


def _models(root: Node, catalogue: Catalogue, findings: Collector) -> Mapping[str, Any]:
    """`external_models`: name -> {type, model_file}. Whether the file is there is found out when a session starts."""
    node = root.entries.get("external_models")
    if node is None or node.value is BROKEN:
        return MappingProxyType({})
    if not isinstance(node.value, dict):
        findings.error(node.place, "", "external_models", f"found {shown(node)}; allowed: a mapping of models")
        return MappingProxyType({})
    kind = Parameter("type", "choice", allowed=catalogue.external_models, required=True)
    for name, model in node.entries.items():
        where = f"external_models.{name}"
        if not isinstance(model.value, dict):
            message = f"found {shown(model)}; allowed: {{type: {catalogue.external_models[0]}, model_file: path}}"
            findings.error(model.place, "", where, message)
            continue
        for parameter in (kind, Parameter("model_file", "text", required=True)):
            _model_entry(parameter, model, where, Context(catalogue, {}), findings)
        for key, entry in model.entries.items():
            if key not in _MODEL:
                findings.warn(entry.place, "", where, f"unknown key '{shorten(key)}'{nearest(key, _MODEL)}")
    return freeze(plain(node))


_MODEL = ("type", "model_file")


def _model_entry(parameter: Parameter, model: Node, where: str, context: Context, findings: Collector) -> None:
    node = model.entries.get(parameter.name)
    if node is None:
        findings.error(model.place, "", where, f"'{parameter.name}' is missing; allowed: {listing(_MODEL)}")
        return
    try:
        if value_of(parameter, node, context) == "":
            findings.error(node.place, "", f"{where}.{parameter.name}", "found ''; allowed: a path")
    except Wrong as wrong:
        if wrong.message is not None:
            findings.error(wrong.node.mark, "", f"{where}.{parameter.name}", wrong.message)
