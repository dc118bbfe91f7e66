"""Checks that look at several items together: array parameters, sharing, rollouts, device groups."""

from __future__ import annotations

import re
from collections.abc import Mapping

from statestream.graph.catalogue import Catalogue
from statestream.graph.draft import Draft
from statestream.graph.findings import listing, nearest, shorten
from statestream.graph.item import Item
from statestream.graph.network import Network, Trait, rollout_of
from statestream.graph.rollout import Rollout
from statestream.graph.structure import Structure
from statestream.graph.tree import BROKEN, Node
from statestream.graph.values import split_initialiser

Drafts = Mapping[str, Draft]
Place = tuple[str, str]
"""(item, parameter)."""
Circle = dict[Place, int]
"""The members of a circle in their order, with their numbers."""
_SHOWN = 160
"""Letters of a circle that a message has."""
_WEIGHT = re.compile(r"W_(\d+)_(\d+)")


class Arrays:
    """Shapes of the array parameters of sound items, asked for once each."""

    def __init__(self, network: Network, drafts: Drafts, catalogue: Catalogue) -> None:
        self.network, self.drafts, self.catalogue = network, drafts, catalogue
        self.known: dict[str, Mapping[str, tuple[int, ...]] | None] = {}

    def of(self, name: str) -> Mapping[str, tuple[int, ...]] | None:
        """Parameter -> shape; None if that is unknown, because something about the item is wrong."""
        if name not in self.known:
            ask = self.catalogue.parameter_shapes
            sound = name in self.network.items and self._sound(name)
            self.known[name] = ask(self.network, name) if ask is not None and sound else None
        return self.known[name]

    def _sound(self, name: str) -> bool:
        draft = self.drafts[name]
        # Keys that decide nothing about arrays may be wrong.
        return not draft.wrong - {"share params", "tags", "period", "period offset", "at start", "bottleneck", "device"}


def check_arrays(draft: Draft, arrays: Arrays) -> None:
    """Names of array parameters: in `init X`, `min X`, `max X`, `unshare`. Keys of what is shared from elsewhere."""
    shapes = arrays.of(draft.name)
    if shapes is None:
        return
    names = [name for name, shape in shapes.items() if shape != ()]
    sharing = draft.given("share params") if draft.kind == "sp" and draft.ok("share params") else None
    shared = sharing.entries if sharing is not None else {}
    bounds: dict[str, dict[str, float]] = {}
    for key, node in draft.node.entries.items():
        parameter, array = draft.schema.find(key)
        if parameter is None:
            continue
        array = parameter.name if parameter.array and parameter.name in shared else array  # a number, as noise_std
        if not array:
            continue
        if array not in names and array not in shared:
            draft.warn(key, f"there is no array parameter '{shorten(array)}'{nearest(array, names)}", node)
        elif array in shared:
            draft.warn(key, f"'{shorten(key)}' has no effect: {array} is shared, and its owner's key counts", node)
        elif draft.values.get(key) is not None:
            bounds.setdefault(array, {})[parameter.name] = draft.values[key]
            _check_start(draft, key, node, shapes[array], arrays)
    for array, given in bounds.items():
        if "min" in given and "max" in given and given["min"] > given["max"]:
            draft.error(f"max {array}", f"found {given['max']:g}; allowed: at least 'min {array}', {given['min']:g}")
    node_ = draft.given("unshare")
    for each in node_.elements if node_ is not None and draft.ok("unshare") else ():
        if each.value not in names and each.value not in _declared_unshare(draft):
            draft.error(
                "unshare", f"there is no array parameter '{shorten(each.value)}'{nearest(each.value, names)}", each
            )


def _declared_unshare(draft: Draft) -> tuple[object, ...]:
    """Names that `unshare` may hold even where the array does not exist (`b` without a bias)."""
    declared = draft.schema.parameters.get("unshare")
    return declared.allowed if declared is not None else ()


def _check_start(draft: Draft, key: str, node: Node, shape: tuple[int, ...], arrays: Arrays) -> None:
    """Whether a named start value fits the array's shape."""
    value, known = draft.values[key], arrays.catalogue.initialisers
    if not isinstance(value, str) or not key.startswith("init "):
        return
    name, arguments = split_initialiser(value, known)
    initialiser = known[name]
    own = shape[1:] if key.partition(" ")[2] in (draft.values.get("unshare") or ()) else shape
    if initialiser.kernel and len(own) != 4:
        message = f"'{value}' is for weights [targets, sources, x, y] only; the array is {list(own)}"
        draft.error(key, message, node)
    elif (initialiser.square or (initialiser.multiple and arguments)) and own[0] != own[1]:
        draft.error(key, f"'{value}' needs as many target as source features; the array is {list(own)}", node)
    elif initialiser.multiple and max(own[:2]) % min(own[:2]):
        message = f"'{value}' needs target features that are a multiple of the source's or the other way round"
        draft.error(key, f"{message}; the array is {list(own)}", node)


def check_sharing(draft: Draft, drafts: Drafts, arrays: Arrays) -> None:
    """`share params`: the parameters exist, on both sides with the same shape. drafts: of the synapse-pools."""
    node = draft.given("share params")
    own = arrays.of(draft.name)
    for name, each in (node.entries if node is not None and draft.ok("share params") else {}).items():
        if own is not None and name not in own:
            draft.error("share params", f"there is no parameter '{shorten(name)}' to share{nearest(name, own)}", each)
            continue
        if each.value is BROKEN:
            draft.wrong.add("share params")
            continue
        pair = [part.value for part in each.elements]
        if len(pair) != 2 or not all(isinstance(part, str) for part in pair):
            draft.error("share params", f"{shorten(name)}: allowed is [other synapse-pool, its parameter]", each)
            continue
        other, parameter = pair
        if other not in drafts:
            message = f"{shorten(name)}: the synapse-pool '{shorten(other)}' does not exist{nearest(other, drafts)}"
            draft.error("share params", message, each.elements[0])
            continue
        _check_shared(draft, (name, other, parameter), each, arrays)


def _check_shared(draft: Draft, names: tuple[str, str, str], node: Node, arrays: Arrays) -> None:
    name, other, parameter = names
    own, theirs = arrays.of(draft.name), arrays.of(other)
    if theirs is not None and parameter not in theirs:
        message = f"{name}: '{other}' has no parameter '{shorten(parameter)}'{nearest(parameter, theirs)}"
        draft.error("share params", message, node.elements[1])
    elif own is not None and theirs is not None and own[name] != theirs[parameter]:
        message = (
            f"{name} has shape {list(own[name])}, but {other}.{parameter} {list(theirs[parameter])}; they must be equal"
        )
        draft.error("share params", message, node)


def check_circles(draft: Draft, drafts: Drafts, ends: dict[Place, Circle | None]) -> None:
    """Shared parameters lead to an array of somebody. ends: what is known already, see `_end`; more is added."""
    node = draft.given("share params")
    for name, each in (node.entries if node is not None and draft.ok("share params") else {}).items():
        start = (draft.name, name)
        circle = _end(start, drafts, ends)
        if circle is not None and start in circle:
            members = [*circle, *circle][circle[start] :][: len(circle) + 1]
            text = " -> ".join(".".join(place) for place in members[:_SHOWN])
            draft.error("share params", f"the parameters are shared in a circle: {shorten(text, _SHOWN)}", each)


def _end(start: Place, drafts: Drafts, ends: dict[Place, Circle | None]) -> Circle | None:
    """Where a shared parameter leads: the circle that it belongs to or runs into, None for an array of somebody."""
    seen: Circle = {}
    place: Place | None = start
    while place is not None and place not in seen and place not in ends:
        seen[place] = len(seen)
        following = drafts.get(place[0])
        place = _shared(following, place[1]) if following is not None else None
    end: Circle | None = None
    if place in ends:
        end = ends[place]
    elif place is not None:
        end = {member: number for number, member in enumerate(list(seen)[seen[place] :])}
    ends.update(dict.fromkeys(seen, end))
    return ends[start]


def _shared(draft: Draft, parameter: str) -> Place | None:
    node = draft.given("share params") if draft.kind == "sp" else None
    entry = node.entries.get(parameter) if node is not None else None
    pair = [part.value for part in entry.elements] if entry is not None else []
    return (pair[0], pair[1]) if len(pair) == 2 and all(isinstance(part, str) for part in pair) else None


def check_trained(draft: Draft, arrays: Arrays) -> None:
    """The trained parameters exist (38 knows only the items)."""
    node = draft.given("parameter")
    for each in node.elements if node is not None else ():
        values = [part.value for part in each.elements]
        if len(values) != 3 or not all(isinstance(value, str) for value in values):
            continue  # reported before; it must not hide what is wrong with the others
        kind, item, parameter = values
        owner = arrays.drafts.get(item)
        shapes = arrays.of(item) if owner is not None and owner.kind == kind else None
        if kind in ("np", "sp") and shapes is not None and parameter not in shapes:
            hint = nearest(parameter, shapes) if shapes else "; it has none"
            draft.error("parameter", f"'{item}' has no parameter '{shorten(parameter)}'{hint}", each.elements[2])


def check_rollout(draft: Draft, structure: Structure, trait: Trait) -> None:
    """7.2: source, target and mask are reached in exactly their number of steps; the loss depends on a parameter."""
    if trait.rollout != "loss":
        return
    end = "target_t" if trait.target else "source_t"
    times = {"source": "source_t", "target": "target_t", "mask": end} if trait.target else {"source": end, "mask": end}
    reached = True
    for key, time in times.items():
        pool, step = draft.get(key), draft.get(time)
        if pool is not None and step and step > structure.last_steps.get(pool, step):
            reached = False
            draft.error(key, _unreached(structure, pool, step), draft.given(time))
    if reached:
        _check_dependence(draft, rollout_of(structure, draft.item(), trait))


def _unreached(structure: Structure, pool: str, step: int) -> str:
    """Says in how many frames the pool could be reached."""
    last = structure.last_steps[pool]
    if last == 0:
        hint = "nothing leads to it"
    else:
        hint = f"possible: 1 to {last}" if last > 1 else "possible: 1"
        if _walks(structure, pool, step):
            hint += ", as a synapse-pool takes part only when signals have come to all its sources"
    return f"no signal reaches '{pool}' in exactly {step} frames; {hint} (0: its present state)"


def _walks(structure: Structure, pool: str, steps: int) -> bool:
    """Whether some walk of that many hops ends in the pool."""
    level = {pool}
    for _ in range(steps):
        level = {source for one in level for source in structure.predecessors.get(one, ())}
    return bool(level)


def _check_dependence(draft: Draft, rollout: Rollout) -> None:
    """A listed parameter outside the rollout is odd; if all are, nothing can be learned."""
    node = draft.given("parameter")
    synapses = dict.fromkeys(name for names in rollout.synapse_pools for name in names)
    pools = dict.fromkeys(name for names in rollout.neuron_pools[1:] for name in names)
    outside = []
    elements = node.elements if node is not None and draft.ok("parameter") else ()
    for each in elements:
        kind, item, _ = (part.value for part in each.elements)
        inside = synapses if kind == "sp" else pools
        if item not in inside:
            outside.append((item, inside, each))
    if elements and len(outside) == len(elements):
        known = listing([*synapses, *pools])
        draft.error("parameter", f"the loss depends on none of its parameters; it depends on: {known or 'nothing'}")
        return
    for item, inside, each in outside:
        if draft.findings.full_of_warnings:
            break
        message = f"'{item}' lies outside the rollout of {rollout.depth} frames, so this is never changed"
        draft.warn("parameter", message + (nearest(item, inside) or "; nothing of its kind is inside"), each)


def check_hebbian(draft: Draft, arrays: Arrays) -> None:
    """One weight is trained: as many features and pixels as source and target have, and it leads from one to the other.

    Bounds, a weight function and an activation of the source may be what they like: raw weights learn from raw states.
    """
    node = draft.given("parameter")
    if node is None or not draft.ok("parameter"):
        return
    first = node.elements[0]
    kind, item, parameter = (part.value for part in first.elements)
    if len(node.elements) > 1:
        draft.warn("parameter", "only the first parameter is trained; there are more", node.elements[1])
    if kind != "sp" or not _WEIGHT.fullmatch(parameter):
        found = shorten(parameter if kind == "sp" else kind)
        draft.error("parameter", f"found {found}; allowed: the weight of a synapse-pool, [sp, name, W_0_0]", first)
        return
    shapes, network = arrays.of(item), arrays.network
    if shapes is None or parameter not in shapes:
        return
    pools = [draft.values.get(key) for key in ("target", "source")]
    if not all(pool in network.neuron_pools for pool in pools):
        return
    target, source = (network.shape(str(pool)) for pool in pools)
    if target[1:] != (1, 1):
        draft.error("target", f"'{pools[0]}' has shape {list(target)}; allowed: a single pixel, [{target[0]}, 1, 1]")
        return
    unshared = parameter in (network.synapse_pools[item].get("unshare") or ())
    own = shapes[parameter][1:] if unshared else shapes[parameter]
    if own != (target[0], *source):
        wanted = f"{[target[0], *source]}, target features and the source's shape"
        draft.error("parameter", f"{item}.{parameter} has shape {list(own)}; allowed: {wanted}", first)
        return
    _check_ends(draft, network.synapse_pools[item], parameter, first)


def _check_ends(draft: Draft, synapse: Item, parameter: str, node: Node) -> None:
    """What a weight of the right shape lies between: the pools themselves, best those that are given."""
    f, i = (int(number) for number in parameter.split("_")[1:])
    weight = f"{synapse.name}.{parameter}"
    if synapse["ppp"][f][i]:
        draft.error("parameter", f"{weight} reads a projection of its source ('ppp'), not the source", node)
        return
    if synapse.get("M"):
        draft.error("parameter", f"{weight} leads to hidden features ('M'), not to the target", node)
        return
    for key, end in (("source", synapse["source"][f][i]), ("target", synapse["target"])):
        if draft.values[key] != end:
            draft.warn(key, f"found '{draft.values[key]}'; the {key} of {weight} is '{end}'")


def check_group(draft: Draft, drafts: Drafts) -> None:
    """A synapse-pool is computed by its target's group: a device or backend of its own has no effect."""
    target = drafts.get(draft.values.get("target", ""))
    for key in ("device", "backend"):
        value = draft.values.get(key)
        if value is not None and target is not None and target.ok(key) and value != target.get(key):
            message = f"'{value}' has no effect: the target '{target.name}' and what leads to it are computed together"
            draft.warn(key, f"{message}, on {target.get(key) or 'its'} {key}")
