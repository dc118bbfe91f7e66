"""Texts and data that commands answer with: tables, an item's values, statistics of arrays."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from statestream.graph import Network
from statestream.graph.tree import thaw

if TYPE_CHECKING:
    from statestream.runtime.session_core import SessionCore

_FULL_UP_TO = 32
"""Arrays of up to so many numbers are listed whole, larger ones by their statistics."""
_KINDS = {"np": "neuron-pool", "sp": "synapse-pool", "plast": "plasticity", "if": "interface"}


def pairs(data: Mapping[str, Any]) -> str:
    """One `name: value` a line, aligned."""
    width = max(len(name) for name in data) + 1
    return "\n".join(f"{name + ':':<{width}} {value}" for name, value in data.items())


def table(rows: Sequence[Mapping[str, Any]], what: str) -> str:
    """Rows of equal keys under a heading with their number."""
    heading = f"{len(rows)} {what}"
    if not rows:
        return heading
    names = list(rows[0])
    return "\n".join([heading, *aligned([names, *([str(row[name]) for name in names] for row in rows)])])


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line for each row of cells, the columns aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def array_data(array: np.ndarray) -> Any:
    """A number, a short vector as a list, else shape and statistics, and of a small array its values (nested lists)."""
    if array.shape == ():
        return _short(array[()])
    if array.ndim == 1 and array.size <= _FULL_UP_TO:
        return [_short(value) for value in array]
    wide = array.astype(np.float64)
    found: dict[str, Any] = {
        "shape": list(array.shape),
        "mean": float(wide.mean()),
        "std": float(wide.std()),
        "min": float(wide.min()),
        "max": float(wide.max()),
    }
    if array.size <= _FULL_UP_TO:
        found["values"] = np.reshape([_short(one) for one in array.ravel()], array.shape).tolist()
    return found


def item_data(core: SessionCore, name: str) -> dict[str, Any]:
    """One item: its kind, given keys, state, parameters, variables."""
    item = core.network.items[name]
    data: dict[str, Any] = {"item": name, "kind": _KINDS[item.kind], "frame": core.frame, "given": thaw(item.spec)}
    for slot in core.arena.layout.slots:
        owner, kind, array = slot.spec.key
        if owner == name and not slot.spec.internal:
            values = array_data(core.arena.committed(slot.spec.key))
            if kind == "state":
                data["state"] = values
            else:
                data.setdefault(f"{kind}s", {})[array] = values
                if core.plan.specs[slot.spec.key].help:
                    data.setdefault("help", {})[array] = core.plan.specs[slot.spec.key].help
    return data


def item_text(data: Mapping[str, Any]) -> str:
    """`item_data` for people."""
    lines = [f"{data['item']} ({data['kind']}) at frame {data['frame']}"]
    lines += _group("given in the graph", {key: _flow(value) for key, value in data["given"].items()})
    if "state" in data:
        lines += _group("state", {"": _array_text(data["state"])})
    for kind in ("parameters", "variables", "updates"):
        values, meant = data.get(kind, {}), data.get("help", {})
        texts = {name: _array_text(value) for name, value in values.items()}
        lines += _group(kind, {n: f"{text}  ({meant[n]})" if n in meant else text for n, text in texts.items()})
    return "\n".join(lines)


def unknown_item(network: Network, name: str) -> str:
    """Message about an item that does not exist."""
    near = difflib.get_close_matches(name, list(network.items), 3)
    hint = f"nearest: {', '.join(near)}" if near else f"there are: {', '.join(network.items)}"
    return f"there is no item {name!r}; {hint}"


def _group(heading: str, texts: Mapping[str, str]) -> list[str]:
    """Lines: the heading, and the texts under it with their names aligned; none if there are no texts."""
    width = max(map(len, texts), default=0)
    lines = [f"    {name:<{width}}  {text}" if width else f"    {text}" for name, text in texts.items()]
    return [f"  {heading}", *lines] if texts else []


def _flow(value: Any) -> str:
    """A setting as it might stand in a graph file."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _array_text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return " ".join(f"{number:.3g}" for number in value)
    shape = "x".join(map(str, value["shape"]))
    text = f"[{shape}] mean {value['mean']:.4g} std {value['std']:.4g} min {value['min']:.4g} max {value['max']:.4g}"
    rows = [" ".join(f"{number:.3g}" for number in np.ravel(row)) for row in value.get("values", ())]
    return f"{text}: {' | '.join(rows)}" if rows else text


def _short(value: np.ndarray | np.float32) -> float:
    # str() of a float32 is the shortest text that means it: 1e-4 stays 1e-4.
    return float(str(value))
