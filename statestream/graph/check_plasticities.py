"""Checks of plasticities beyond their keys: numbers 31 to 38, optimizer, loss, and what each type needs."""

from __future__ import annotations

from collections.abc import Mapping

from statestream.graph.catalogue import Catalogue
from statestream.graph.check_interfaces import check_type
from statestream.graph.draft import Draft
from statestream.graph.findings import listing, nearest, shorten
from statestream.graph.tree import BROKEN, Node, shown
from statestream.graph.values import Context
from statestream.graph.vocabulary import NOUNS

Shape = tuple[int, int, int]
_KINDS = ("np", "sp", "plast", "if")


def check_plasticity(
    draft: Draft, agents: int | None, catalogue: Catalogue, shapes: Mapping[str, Shape], context: Context
) -> None:
    """All checks of one plasticity that need no rollout."""
    check_type(draft, catalogue.plasticities, "plasticity")
    _check_known(draft, "optimizer", catalogue.optimizers)
    _check_known(draft, "loss_function", catalogue.losses)
    samples = draft.values.get("samples")
    if samples is not None and agents is not None and samples <= agents:
        draft.error("samples", f"found {samples}; allowed: more than agents, {agents}")
    _check_parameters(draft, context)
    if needs_target(draft, catalogue):
        _check_target(draft, shapes)
    elif draft.values.get("loss_function") in catalogue.losses:
        _check_needless(draft)
    _check_mask(draft, shapes)


def needs_target(draft: Draft, catalogue: Catalogue) -> bool:
    """Whether it is a loss that compares its source with a target."""
    type_ = catalogue.plasticities.get(draft.values.get("type", ""))
    loss = catalogue.losses.get(draft.values.get("loss_function", ""))
    return type_ is not None and type_.rollout == "loss" and loss is not None and loss.needs_target


def _check_known(draft: Draft, key: str, known: Mapping[str, object]) -> None:
    value = draft.values.get(key)
    if isinstance(value, str) and key in draft.schema.parameters and value not in known:
        word = key.replace("_", " ")
        draft.error(key, f"the {word} '{shorten(value)}' does not exist{nearest(value, known)}")


def _check_target(draft: Draft, shapes: Mapping[str, Shape]) -> None:
    """33 to 35 for a loss with a target."""
    loss = draft.values["loss_function"]
    for key in ("target", "target_t"):
        if draft.ok(key) and draft.values.get(key) is None:
            draft.error(key, f"'{key}' is missing: the loss {loss} compares the source with a target")
    source, target = (_shape(draft, key, shapes) for key in ("source", "target"))
    if source is not None and target is not None and source != target:
        message = (
            f"'{draft.values['target']}' has shape {list(target)}; allowed: the shape of the source, {list(source)}"
        )
        draft.error("target", message)


def _check_needless(draft: Draft) -> None:
    """Keys that tell of a target, of a loss that has none."""
    for key in ("target", "target_t", "label_smoothing"):
        if draft.values.get(key):
            draft.warn(key, f"'{key}' has no effect: the loss {draft.values['loss_function']} has no target")


def _check_mask(draft: Draft, shapes: Mapping[str, Shape]) -> None:
    """A mask has the source's space, or a single pixel."""
    mask, source = (_shape(draft, key, shapes) for key in ("mask", "source"))
    if mask is not None and source is not None and mask[1:] not in (source[1:], (1, 1)):
        message = (
            f"'{draft.values['mask']}' has X, Y = {list(mask[1:])}; allowed: those of the source, {list(source[1:])}"
        )
        draft.error("mask", message)


def _shape(draft: Draft, key: str, shapes: Mapping[str, Shape]) -> Shape | None:
    """Shape of the pool that a key names, None if there is none. A pool may wrongly be called ""; no key names it."""
    name = draft.values.get(key)
    return shapes.get(name) if name else None


def _check_parameters(draft: Draft, context: Context) -> None:
    """36 to 38: there are parameters, each [kind, item, parameter] of an existing item."""
    node = draft.given("parameter")
    if node is None or not draft.ok("parameter"):
        return
    if not node.elements:
        draft.error("parameter", f"found {shown(node)}; allowed: [[np|sp, item, parameter], ...], at least one")
    triples: set[tuple[str, str, str]] = set()
    for each in node.elements:
        triple = _triple(draft, each, context)
        if triple is None:
            continue
        if triple in triples:
            draft.error("parameter", f"{listing(triple)} is listed twice", each)
        triples.add(triple)


def _triple(draft: Draft, node: Node, context: Context) -> tuple[str, str, str] | None:
    if node.value is BROKEN:
        draft.wrong.add("parameter")
        return None
    values = [each.value for each in node.elements]
    if len(values) != 3 or not all(isinstance(each, str) for each in values):
        draft.error("parameter", f"found {shown(node)}; allowed: [np|sp, item, parameter], three texts", node)
        return None
    kind, item, parameter = values
    if kind not in _KINDS:
        draft.error("parameter", f"found {shown(kind)} as the kind of item; allowed: np, sp", node.elements[0])
        return None
    known = context.names[kind]
    if item not in known:
        message = f"the {NOUNS[kind]} '{shorten(item)}' does not exist"
        others = [other for other in _KINDS if other != kind and item in context.names[other]]
        hint = f"; there is a {NOUNS[others[0]]} of that name: write {others[0]}" if others else nearest(item, known)
        draft.error("parameter", message + hint, node.elements[1])
        return None
    if kind in ("plast", "if"):
        message = f"parameters of a {NOUNS[kind]} cannot be trained; allowed: np, sp"
        draft.error("parameter", message, node.elements[0])
        return None
    return kind, item, parameter
