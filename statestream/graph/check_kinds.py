"""Checks of synapse-pools of a special kind: pooling, spatial transformers, functions; and of binary targets."""

from __future__ import annotations

from collections.abc import Mapping

from statestream.graph.draft import Draft
from statestream.graph.findings import listing, shorten
from statestream.graph.synapse_kinds import Kind, Pooling, claimed_kinds, kind_of
from statestream.graph.tree import Node
from statestream.graph.values import Context, Wrong, check_expression

Shape = tuple[int, int, int]

GREATEST_MAP = 2**24
"""Most pixels of what a transformer samples: their numbers are floats."""

NOUNS: dict[Kind, str] = {
    "functional": "a functional synapse-pool",
    "pooling": "pooling",
    "transformer": "a spatial transformer",
}
NOT_FOR_FUNCTIONS = ("ACT", "noise", "noise_mean", "noise_std", "noise_min", "noise_max", "pact")


def check_kind(draft: Draft, shapes: Mapping[str, Shape], context: Context) -> None:
    """What a synapse-pool of a special kind needs, and what it cannot have. shapes: of the known neuron-pools."""
    claimed = {key: kind for key, kind in claimed_kinds(draft).items() if draft.ok(key)}
    for key in list(claimed)[1:]:
        first = next(iter(claimed))
        message = f"this makes it {NOUNS[claimed[key]]}, but '{first}' {NOUNS[claimed[first]]}; allowed: one of them"
        draft.error(key, message)
    _check_pooling(draft)
    _check_func(draft, context)
    kind = kind_of(draft)
    if kind == "weighted" or len(claimed) > 1:
        return
    _check_keys(draft, kind)
    if kind == "pooling":
        _check_pooled(draft, shapes)
    elif kind == "transformer":
        _check_transformer(draft, shapes)


def check_binary(draft: Draft, target: Draft | None) -> None:
    """The activation of a factor has no effect where the target is binary."""
    if target is None or not target.ok("binary") or not target.get("binary") or kind_of(draft) != "weighted":
        return
    if draft.ok("act") and any(name not in (None, "Id") for name in draft.values.get("act") or ()):
        message = f"has no effect: the target '{target.name}' is binary, its factors are probabilities"
        draft.warn("act", f"'act' {message}")


def _check_keys(draft: Draft, kind: Kind) -> None:
    """Keys that belong to weights, where there are none; errors for pooling, warnings where old graphs have them."""
    found = draft.error if kind == "pooling" else draft.warn
    reported = () if kind == "pooling" else ("unshare", "share params")  # with the names of arrays (check_network)
    for name, key in draft.keys.items():
        parameter, _ = draft.schema.find(key)
        if parameter is None or not draft.ok(name) or name in reported or (parameter.per_array and reported):
            continue
        if parameter.weights or (kind == "functional" and name in NOT_FOR_FUNCTIONS):
            lack = "nothing but its expression" if kind == "functional" else "no weights and factors"
            found(name, f"'{key}' has no effect: {NOUNS[kind]} has {lack}", draft.node.entries[key])


def _check_func(draft: Draft, context: Context) -> None:
    """The placeholders of `func` are inputs of the synapse-pool."""
    node = draft.given("func")
    if node is None or draft.layout is None or draft.values.get("func") is None:
        return
    names = [f"${f}{i}" for f, count in enumerate(draft.layout) for i in range(count)]
    known = {name for name in names if names.count(name) == 1} if len(names) <= 200 else set()
    try:
        check_expression(node, context, lambda name: name in known, listing(sorted(known)))
    except Wrong as wrong:
        draft.error("func", str(wrong.message), node)


def _check_pooling(draft: Draft) -> None:
    """`pool` is [max or avg, size, stride, same or valid]."""
    value = draft.values.get("pool")
    if value is None:
        return
    wrong = [] if len(value) == 4 else [f"a list with {len(value)} entries"]
    if not wrong:
        statistic, size, stride, padding = value
        wrong = [
            repr(each)
            for each, fine in (
                (statistic, statistic in ("max", "avg")),
                (size, _is_length(size)),
                (stride, _is_length(stride)),
                (padding, padding in ("same", "valid")),
            )
            if not fine
        ]
    if wrong:
        message = f"found {shorten(', '.join(wrong))}; allowed: [max or avg, size, stride, same or valid]"
        draft.error("pool", message)
    else:
        draft.values["pool"] = (statistic, int(size), int(stride), padding)


def _is_length(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value < 2**31 and value == int(value)


def _check_pooled(draft: Draft, shapes: Mapping[str, Shape]) -> None:
    """One input, and a target of the size and features that pooling it gives."""
    if draft.layout is not None and draft.layout != (1,):
        draft.error("source", f"found {sum(draft.layout)} inputs; allowed: one, [[pool]], as it is pooled")
        return
    if not draft.ok("pool", "source", "target") or "source" not in draft.values:
        return
    name = draft.values["source"][0][0]
    source, target = shapes.get(name), shapes.get(draft.values["target"])
    if source is None or target is None:
        return
    pooling = Pooling(*draft.values["pool"])
    across, along = pooling.windows((source[1], source[2]))
    if min(across.out, along.out) < 1:
        message = f"found size {pooling.size} without padding, but '{name}' has X, Y = {source[1]}, {source[2]}"
        draft.error("pool", f"{message}; allowed: a size that fits into it, or 'same'")
    elif (source[0], across.out, along.out) != target:
        made = [source[0], across.out, along.out]
        message = f"pooling '{name}', {list(source)}, makes {made}; allowed: a target of that shape"
        draft.error("pool", f"{message}, but '{draft.values['target']}' has {list(target)}")


def _check_transformer(draft: Draft, shapes: Mapping[str, Shape]) -> None:
    """Two or three factors of one source each, of the shapes that sampling needs."""
    node = draft.given("source")
    if draft.layout is None or node is None:
        return
    if len(draft.layout) not in (2, 3):
        what = "2 factors (map, positions) or 3 (canvas, scale, position)"
        draft.error("source", f"a TRANSFORMER has {what}; found {len(draft.layout)}")
        return
    for row, count in zip(node.elements, draft.layout, strict=True):
        if count != 1:
            draft.error("source", f"found {count} inputs in a factor; a TRANSFORMER has one in each", row)
    if not draft.ok("source", "target") or "source" not in draft.values:
        return
    sources = [shapes.get(row[0]) for row in draft.values["source"]]
    target = shapes.get(draft.values["target"])
    if target is not None and sources[0] is not None:
        _check_map(draft, node, sources[0], target)
    if target is not None:
        for place, allowed in _controls(target, len(sources)).items():
            found = sources[place]
            if found is not None and found not in allowed:
                name = draft.values["source"][place][0]
                options = " or ".join(f"{list(shape)} ({what})" for shape, what in allowed.items())
                message = f"'{name}' has shape {list(found)}; allowed: {options}"
                draft.error("source", message, node.elements[place].elements[0])


def _controls(target: Shape, factors: int) -> dict[int, dict[Shape, str]]:
    """Factor -> the shapes that its source may have, each with what that source tells."""
    if factors == 3:
        return {1: {(1, 1, 1): "scale"}, 2: {(2, 1, 1): "position"}}
    return {1: {(2, target[1], target[2]): "positions", (6, 1, 1): "theta"}}


def _check_map(draft: Draft, node: Node, source: Shape, target: Shape) -> None:
    name, place = draft.values["source"][0][0], node.elements[0].elements[0]
    if source[0] != target[0]:
        message = f"'{name}' has {source[0]} features and the target '{draft.values['target']}' {target[0]}"
        draft.error("source", f"{message}; allowed: equal numbers, as each is sampled", place)
    elif source[1] * source[2] > GREATEST_MAP:
        message = f"'{name}' has {source[1] * source[2]} pixels; allowed: at most {GREATEST_MAP}"
        draft.error("source", message, place)
