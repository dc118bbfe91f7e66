"""How long to spin at the frame barrier before blocking in the kernel."""

from __future__ import annotations

import os

_SPIN_NS = 20_000


def spin_ns(participants: int) -> int:
    """Nanoseconds; 0 where spinning would take a core away from somebody who has work to do."""
    return _SPIN_NS if participants + 1 < len(os.sched_getaffinity(0)) else 0
