"""Checks of synapse-pools beyond their keys: how many factors and inputs there are, and how sizes fit together.

Numbers 15 to 30. Those on names, lists and their lengths are made while the keys are read (`draft`).
"""

from __future__ import annotations

from collections.abc import Mapping

from statestream.graph.check_kinds import check_kind
from statestream.graph.draft import Draft
from statestream.graph.findings import listing, shorten
from statestream.graph.synapse_kinds import kind_of
from statestream.graph.tree import Node
from statestream.graph.values import Context

Shape = tuple[int, int, int]

BIAS_OF_FACTOR = {
    "feature": ("feature", "scalar"),
    "spatial": ("spatial", "scalar"),
    "scalar": ("scalar",),
}
"""Shape of a factor -> shapes that its bias may have (21)."""


def check_synapse_pool(draft: Draft, shapes: Mapping[str, Shape], context: Context) -> None:
    """All checks of one synapse-pool; those on sizes only as far as the sizes are known."""
    check_kind(draft, shapes, context)
    _check_noise(draft)
    if kind_of(draft) != "weighted":
        return
    _check_bias(draft)
    _check_mixing(draft)
    if draft.ok("func", "pool", "source", "target") and "source" in draft.values:
        _check_geometry(draft, shapes)


def _check_noise(draft: Draft) -> None:
    """Without its ends, uniform noise of a synapse-pool goes from 0 to 0."""
    if draft.values.get("noise") == "uniform" and draft.keys.keys().isdisjoint(("noise_min", "noise_max")):
        draft.warn("noise", "uniform noise adds nothing without 'noise_min' and 'noise_max', which are both 0")


def _check_bias(draft: Draft) -> None:
    """21: a factor's bias is not larger than the factor."""
    if "factor_shapes" not in draft.values or not draft.ok("factor_shapes", "bias_shapes"):
        return
    node = draft.given("bias_shapes")
    pairs = zip(draft.values["factor_shapes"], draft.values.get("bias_shapes", ()), strict=False)
    for f, (factor, bias) in enumerate(pairs):
        allowed = BIAS_OF_FACTOR.get(factor)
        if bias not in (None, False) and allowed is not None and bias not in allowed:
            message = f"found '{bias}' for factor {f}, whose shape is '{factor}'; allowed: {listing(allowed)}, None"
            draft.error("bias_shapes", message, node.elements[f] if node is not None else None)


def _check_mixing(draft: Draft) -> None:
    """`M` is [hidden features, rf]."""
    value = draft.values.get("M")
    if value is None or (len(value) == 0 and draft.ok("M")):
        return
    numbers = [each for each in value if isinstance(each, int | float) and not isinstance(each, bool)]
    if len(value) != 2 or len(numbers) != 2 or not all(each == int(each) >= 1 for each in map(_finite, numbers)):
        found = [list(each) if isinstance(each, tuple) else each for each in value]
        draft.error("M", f"found {shorten(found)}; allowed: [hidden features, rf], two whole numbers of at least 1")
        return
    draft.values["M"] = tuple(int(each) for each in numbers)
    if draft.ok("avgout", "maxout") and draft.values["M"][0] % (draft.get("avgout") * draft.get("maxout")):
        groups = draft.get("avgout") * draft.get("maxout")
        draft.error(
            "M", f"found {draft.values['M'][0]} hidden features; allowed: a multiple of avgout * maxout = {groups}"
        )


def _finite(value: float) -> float:
    return value if abs(value) < 2**31 else 0


def _check_geometry(draft: Draft, shapes: Mapping[str, Shape]) -> None:
    """27, 29 and 30: receptive fields and sizes."""
    target = shapes.get(draft.values["target"])
    node = draft.given("source")
    if target is None or node is None:
        return
    for f, row in enumerate(node.elements):
        for i, each in enumerate(row.elements):
            source = shapes.get(each.value)
            if source is None:
                continue
            rf, place = _receptive_field(draft, f, i)
            point = "target" if target[1:] == (1, 1) else "source" if source[1:] == (1, 1) else ""
            if point and rf not in (0, 1, None):
                size = f"the {point} has a single pixel"
                message = f"found {rf} for input '{each.value}', but {size}; allowed: 1, or 0 (dense)"
                draft.error("rf", message, place)
            if not point:
                _check_scale(draft, each, source, target)
            _check_input(draft, (f, i), source, target)


def _check_input(draft: Draft, place: tuple[int, int], source: Shape, target: Shape) -> None:
    """Whether an input, factor f and number i, can be computed as what it is said to reach: all, features, space."""
    f, i = place
    if not draft.ok("rf", "dilation", "factor_shapes", "target_shapes", "M", "avgout", "maxout"):
        return
    factor = draft.values["factor_shapes"][f] if "factor_shapes" in draft.values else "full"
    targets = draft.given("target_shapes")
    reach = draft.values["target_shapes"][f][i] if targets is not None else factor
    rf, where = _receptive_field(draft, f, i)
    dense = not rf or (rf == 1 and source[1:] == (1, 1))
    name = draft.values["source"][f][i]
    if dense and "dilation" in draft.values and draft.values["dilation"][f][i] != 1:
        message = f"found {draft.values['dilation'][f][i]} for input '{name}', which is dense; allowed: 1"
        draft.error("dilation", message, _inner(draft.given("dilation"), f, i))
    if any(
        mine > its for mine, its in zip(_reached(draft, reach, target), _reached(draft, factor, target), strict=True)
    ):
        message = f"found '{reach}' for input '{name}' of a factor that is '{factor}'; allowed: no more than the factor"
        draft.error("target_shapes", message, _inner(targets, f, i))
    elif not dense and reach in ("feature", "scalar") and target[1:] != (1, 1):
        message = f"found {rf} for input '{name}', which is '{reach}' and has no space; allowed: 0 (dense)"
        draft.error("rf", message, where)


def _reached(draft: Draft, reach: str, target: Shape) -> tuple[int, int, int]:
    """Size of what a factor or input reaches, before avgout, maxout and M."""
    mixing = draft.values.get("M")
    features = mixing[0] if mixing else target[0] * draft.get("avgout") * draft.get("maxout")
    x, y = target[1:] if reach in ("full", "spatial") else (1, 1)
    return features if reach in ("full", "feature") else 1, x, y


def _inner(node: Node | None, f: int, i: int) -> Node | None:
    """The entry of factor f, input i of a list of lists."""
    return node.elements[f].elements[i] if node is not None else None


def _receptive_field(draft: Draft, f: int, i: int) -> tuple[int | None, Node | None]:
    """rf of one input and where it is given; None if it is wrong or absent."""
    node, value = draft.given("rf"), draft.values.get("rf")
    if node is None or value is None or not draft.ok("rf"):
        # One wrong entry must not hide the others: what is a number by itself is looked at all the same.
        inner = node.elements[f].elements if node is not None and f < len(node.elements) else ()
        found = inner[i] if i < len(inner) else None
        return (found.value, found) if found is not None and type(found.value) is int else (None, None)
    if not isinstance(value, tuple):
        return value, node
    return value[f][i], _inner(node, f, i)


def _check_scale(draft: Draft, node: Node, source: Shape, target: Shape) -> None:
    """30: X and Y of source and target differ by the same whole factor (on a line, Y = 1, only X does)."""
    (sx, sy), (tx, ty) = source[1:], target[1:]
    large, small = ((sx, sy), (tx, ty)) if sx >= tx else ((tx, ty), (sx, sy))
    factor = large[0] // small[0]
    line = large[1] == small[1] == 1
    if factor * small[0] != large[0] or not (line or factor * small[1] == large[1]):
        message = f"'{node.value}' has X, Y = {sx}, {sy} and the target {tx}, {ty}; allowed: one whole factor for both"
        draft.error("source", message, node)
