"""Another network takes the place of the one that runs in a session.

Everything that can fail comes first, and takes nothing from the old network: plan, arena (there must be room for both),
processes. Then the session changes hands in one go, between two frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from statestream.external import ExternalModelError, read_apart
from statestream.interfaces import InterfaceError
from statestream.memory import SegmentError
from statestream.numerics.errors import UnsupportedError
from statestream.runtime.opening import create_arena, plan_of, remarks
from statestream.runtime.requests import RequestError

if TYPE_CHECKING:
    from statestream.runtime.session_core import SessionCore


def replace(core: SessionCore, message: Mapping[str, Any]) -> int:
    """Run another network from its frame 0, paused; returns its run number.

    message: `network` (as `Network.to_json` wrote it), `seed`, and `threads`, None for those that the session has.
    RequestError if the network cannot run here; the old one is then as it was.
    """
    start = {key: message.get(key) for key in ("network", "seed", "threads")}
    if start["threads"] is None:
        start["threads"] = core.arena.description["threads"]
    for key, kind in (("network", str), ("seed", int), ("threads", int)):
        if not isinstance(start[key], kind):
            raise RequestError(f"{key} is {start[key]!r}, needed is a value of type {kind.__name__}")
    run = core.arena.description["run"] + 1
    name = core.registration.segment_name
    try:
        plan = plan_of(str(start["network"]))
        taken = read_apart(plan.network)
        arena = create_arena(core.registration.draft_name, plan, start, run, taken)
    except (UnsupportedError, InterfaceError, ExternalModelError, SegmentError) as error:
        raise RequestError(f"the network cannot run here: {error}") from error
    try:
        crew = core.children.recruit(plan.participants, plan.threads(arena.description["threads"]), core.busy())
        try:
            arena.rename(name)
        except SegmentError:
            core.children.dismiss(crew)
            raise
    except (OSError, SegmentError) as error:
        arena.remove()
        raise RequestError(f"the network cannot run here: {error}") from error
    core.adopt(plan, arena, remarks(plan.network, taken))
    core.children.assign(crew, name, run)
    return run
