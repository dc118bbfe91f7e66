"""What is where in the file of a capture: names of groups, datasets and attributes, for writer and reader alike.

docs/index.md, "Capturing", has the same as a table. A change that an older reader would misread raises VERSION.
"""

from __future__ import annotations

from statestream.arrays import ArrayKey, describe

FORMAT = "statestream capture"
VERSION = 1

FRAMES = "frames"
"""int64 [rows]: the number of each recorded frame, ascending. Rows beyond its length are not complete."""
ENDED = "ended"
"""uint8: 1 as soon as the capture was stopped; 0 while it runs, and for ever if the core was killed."""
NETWORK = "network"
"""The network as text: JSON of the expanded graph, which `load_graph` takes."""
MANIFEST = "manifest"
"""JSON: what ran (seed, backend, threads, partition, versions), and which items were chosen."""
ITEMS = "items"
SESSION = "session"
SINCE = "since"
INPUTS = "inputs"
"""Group of an item: soft links to all arrays that its computation of the next frame reads."""
TRAINED = "trained"
"""Group of a plasticity: soft links to the parameters that it trains."""


def path_of(key: ArrayKey) -> str:
    """The dataset of an array: `items/mid/state`, `items/mid_out/parameter/W_0_0`, `session/split`.

    float32 [rows, *shape], or, if only a person's hand changes the array, [versions, *shape] with `since_path`.
    """
    item, kind, name = key
    return "/".join(part for part in ((ITEMS, item, kind, name) if item else (SESSION, name)) if part)


def since_path(key: ArrayKey) -> str:
    """The dataset that tells since which row each version of an array is valid: int64 [versions], the first is 0."""
    return f"{SINCE}/{path_of(key)}"


def link_name(key: ArrayKey) -> str:
    """An array's name among the `inputs` of an item: `mid.state`, `mid_out.parameter.W_0_0`, `split`."""
    return describe(key) if key[0] else key[2]


def key_of(path: str) -> ArrayKey | None:
    """The array whose dataset this is; None if it is none."""
    parts = path.split("/")
    if parts[0] == SESSION and len(parts) == 2:
        return "", SESSION, parts[1]
    if parts[0] == ITEMS and len(parts) in (3, 4):
        return parts[1], parts[2], parts[3] if len(parts) == 4 else ""
    return None
