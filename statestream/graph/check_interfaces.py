"""Checks of interfaces beyond their keys: numbers 40 to 42, the declared topics and their shapes; and of clients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from statestream.graph.catalogue import Catalogue, Timing, Topic
from statestream.graph.draft import Draft
from statestream.graph.findings import nearest, shorten
from statestream.graph.structure import Structure
from statestream.graph.tree import BROKEN, Node, shown
from statestream.graph.values import Context

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class _Wire:
    """A topic and its pool. key, node: where the pool is named, in `remap` or else in the list of topics."""

    topic: str
    pool: Any
    key: str
    node: Node


def check_type(draft: Draft, known: Mapping[str, object], noun: str) -> None:
    """The type exists (for plasticities number 32)."""
    type_ = draft.values.get("type")
    if type_ is not None and type_ not in known:
        draft.error("type", f"the {noun} type '{shorten(type_)}' does not exist{nearest(type_, known)}")


def check_interface(
    draft: Draft, catalogue: Catalogue, shapes: Mapping[str, Shape], context: Context
) -> dict[str, str]:
    """40 to 42: topics and pools exist; and each pool has the shape that its topic asks for.

    Returns topic -> neuron-pool, as far as these exist.
    """
    check_type(draft, catalogue.interfaces, "interface")
    declaration = catalogue.interfaces.get(draft.values.get("type", ""))
    topics: dict[str, dict[str, Topic]] | None = None
    if declaration is not None:
        topics = {"in": {each.name: each for each in declaration.inputs}}
        topics["out"] = {each.name: each for each in declaration.outputs}
    wires = _wires(draft, topics, context)
    _check_remap(draft, topics, wires)
    for key in ("in", "out"):
        for topic in (topics or {}).get(key, {}).values():
            if topic.name in wires:
                _check_shape(draft, topic, wires, shapes)
    return {topic: wire.pool for topic, wire in wires.items()}


def _wires(draft: Draft, topics: Mapping[str, Mapping[str, Topic]] | None, context: Context) -> dict[str, _Wire]:
    """The topics of `in` and `out` with their pools, as far as these exist."""
    remap = draft.given("remap")
    remapped = remap.entries if remap is not None else {}
    wires: dict[str, _Wire] = {}
    seen = set()
    for key in ("in", "out"):
        node = draft.given(key)
        for each in node.elements if node is not None and draft.ok(key) else ():
            topic = each.value
            if topic in seen:
                draft.warn(key, f"the topic '{shorten(topic)}' is named twice", each)
            elif topics is not None and topic not in topics[key]:
                verb = "reads" if key == "in" else "writes"
                message = f"an interface of this type {verb} no topic '{shorten(topic)}'{nearest(topic, topics[key])}"
                draft.error(key, message, each)
            seen.add(topic)
            where = remapped.get(topic)
            wire = _Wire(topic, topic, key, each) if where is None else _Wire(topic, where.value, "remap", where)
            if _exists(draft, wire, context):
                wires[topic] = wire
    return wires


def _exists(draft: Draft, wire: _Wire, context: Context) -> bool:
    """42: the topic's pool exists."""
    known = context.names["np"]
    if isinstance(wire.pool, str) and wire.pool in known:
        return True
    if wire.key != "remap":
        message = f"the topic '{shorten(wire.topic)}' names no neuron-pool{nearest(wire.topic, known)}"
        draft.error(wire.key, f"{message}; 'remap' can give it another", wire.node)
    elif isinstance(wire.pool, str):
        message = f"the neuron-pool '{shorten(wire.pool)}' does not exist{nearest(wire.pool, known)}"
        draft.error("remap", f"topic {shorten(wire.topic)}: {message}", wire.node)
    elif wire.pool is not BROKEN:
        message = f"found {shown(wire.node)}; allowed: the name of a neuron-pool"
        draft.error("remap", f"topic {shorten(wire.topic)}: {message}", wire.node)
    return False


def _check_remap(draft: Draft, topics: Mapping[str, Mapping[str, Topic]] | None, wires: Mapping[str, _Wire]) -> None:
    """Entries of `remap` that no list of topics uses."""
    node = draft.given("remap")
    listed = {
        each.value
        for key in ("in", "out")
        if (names := draft.given(key)) is not None
        for each in names.elements
        if isinstance(each.value, str)
    }
    known = None if topics is None else {**topics["in"], **topics["out"]}
    for topic, each in (node.entries if node is not None else {}).items():
        if topic in listed:
            continue
        if known is None or topic in known:
            draft.warn("remap", f"the topic '{shorten(topic)}' is neither in 'in' nor in 'out'", each)
        else:
            draft.error("remap", f"the topic '{shorten(topic)}' does not exist{nearest(topic, known)}", each)


def _check_shape(draft: Draft, topic: Topic, wires: Mapping[str, _Wire], shapes: Mapping[str, Shape]) -> None:
    """Whether the pool of a topic has the shape that the topic asks for."""
    wire = wires[topic.name]
    shape = shapes.get(wire.pool)
    if shape is None:
        return
    wanted = [draft.get(each) if isinstance(each, str) else each for each in topic.shape or (None, None, None)]
    allowed = ""
    if any(each is not None and length not in _several(each) for length, each in zip(shape, wanted, strict=True)):
        allowed = f"[{', '.join('any' if each is None else ' or '.join(map(str, _several(each))) for each in wanted)}]"
    elif any(length % topic.multiple_of for length in shape[1:]):
        allowed = f"X and Y that are multiples of {topic.multiple_of}"
    elif topic.space_of in wires:
        other = shapes.get(wires[topic.space_of].pool)
        if other is not None and other[1:] != shape[1:]:
            allowed = f"X and Y as of topic {topic.space_of}, {list(other[1:])}"
    if allowed:
        message = f"topic {topic.name}: neuron-pool '{wire.pool}' has shape {list(shape)}; allowed: {allowed}"
        draft.error(wire.key, message, wire.node)


def check_timing(draft: Draft, timing: Timing, wires: Mapping[str, str], structure: Structure) -> None:
    """Whether an answer can come while answers are measured, and before the next stimulus begins.

    A stimulus is in its pool one frame after it was written; from there each synapse-pool takes one frame more.
    """
    stimulus, answer = wires.get(timing.stimulus), wires.get(timing.answer)
    if stimulus is None or answer is None or not draft.ok(timing.window, timing.duration, "period", "bottleneck"):
        return
    path = structure.distance(stimulus, answer)
    if path is None or draft.get("period") != 1 or draft.get("bottleneck") > 0:
        return  # delays count the interface's own steps: with a period, they are no frames
    why = f"the way from '{stimulus}' to '{answer}' takes {path} frames, so right answers begin at delay {path + 1}"
    for key, beyond in ((timing.window, -1), (timing.duration, timing.greatest_delay)):
        last = draft.get(key) + beyond
        if last <= path:
            message = f"with {draft.get(key)} the last delay is {last}, but {why}; needed: at least {path + 1 - beyond}"
            draft.warn(key, message)


def _several(allowed: object) -> tuple[object, ...]:
    return allowed if isinstance(allowed, tuple) else (allowed,)
