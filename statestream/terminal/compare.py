"""`statestream compare`: what differs between two captures."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from statestream.terminal.graphs import WRONG
from statestream.terminal.reports import complain, tell
from statestream.terminal.text import json_line, safe

if TYPE_CHECKING:
    from statestream.captures.compare import Comparison, Difference


def run(options: argparse.Namespace) -> int:
    """Print the differences; returns 0 if there are none that count, 1 if there are, 2 if there is no comparing."""
    from statestream.captures.compare import compare
    from statestream.captures.errors import CaptureError
    from statestream.captures.reader import open_capture

    try:
        with open_capture(options.one) as one, open_capture(options.other) as other:
            found = compare(one, other, options.tolerance)
    except CaptureError as error:
        complain(f"statestream: {error}")
        return WRONG
    tell(json_line(_data(found)) if options.json else safe(_text(found)))
    return 0 if found.same else 1


def _text(found: Comparison) -> str:
    lines = [f"note: {note}" for note in found.notes]
    for side, names in zip("AB", found.only, strict=True):
        lines += [f"only in {side}: {name}" for name in names]
    lines += [f"shapes differ: {name}: {one} / {other}" for name, (one, other) in found.shapes.items()]
    lines += _table([one for one in found.arrays if one.status != "equal"])
    first, last, count = found.frames
    within = "" if found.tolerance is None else f", {found.count('within')} within {found.tolerance:g}"
    beyond = "differ" if found.tolerance is None else "beyond it"
    lines.append(
        f"frames {first} to {last} ({count} compared): {found.count('equal')} arrays equal in all bits{within}, "
        f"{found.count('beyond')} {beyond}"
    )
    return "\n".join(lines)


def _table(arrays: list[Difference]) -> list[str]:
    from statestream.runtime.listing import aligned

    if not arrays:
        return []
    rows = [("array", "absolute", "relative", "first frame", "beyond since")]
    for one in arrays:
        since = "" if one.beyond is None else str(one.beyond)
        rows.append((one.name, f"{one.absolute:.3g}", f"{one.relative:.3g}", str(one.first), since))
    return aligned(rows)


def _data(found: Comparison) -> dict[str, object]:
    first, last, count = found.frames
    return {
        "same": found.same,
        "tolerance": found.tolerance,
        "frames": {"first": first, "last": last, "compared": count},
        "arrays": [
            {
                "array": one.name,
                "status": one.status,
                "absolute": one.absolute,
                "relative": one.relative,
                "first frame": one.first,
                "beyond since": one.beyond,
            }
            for one in found.arrays
        ],
        "only in A": found.only[0],
        "only in B": found.only[1],
        "shapes differ": {name: list(pair) for name, pair in found.shapes.items()},
        "notes": found.notes,
    }
