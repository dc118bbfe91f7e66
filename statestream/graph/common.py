"""The keys that every item may have, whatever its kind. Rooms put them in front of their own declarations."""

from __future__ import annotations

from statestream.graph.catalogue import Parameter

ITEM: tuple[Parameter, ...] = (
    Parameter("tags", "names", (), help="labels, for tag specs, imports and filters"),
    Parameter("period", "int", 1, minimum=1, help="the item runs in the frames n with n mod period == period offset"),
    Parameter("period offset", "int", 0, minimum=0, aliases=("period_offset",), help="phase of the period"),
    Parameter(
        "at start", "choice", 0, (0, 1, 2), aliases=("at_start",), help="0 running, 1 paused (holds its values), 2 off"
    ),
    Parameter(
        "bottleneck", "float", -1.0, help="> 0: the period follows the item's load; -1: fixed period",
        planned="the period stays as given",
    ),
    Parameter("device", "device", "cpu", help="cpu, cpu:k (a worker of its own) or gpu:k"),
    Parameter("backend", "backend", None, help="engine of this item; absent: the network's"),
)  # fmt: skip
