"""Shared memory: the segment, its layout, consistent reads. Knows no mathematics."""

from statestream.memory.arena import Arena, Torn
from statestream.memory.control import Arrival, Control, Record, RunState, Word, head_size
from statestream.memory.layout import Layout
from statestream.memory.segment import SegmentError

__all__ = [
    "Arena",
    "Arrival",
    "Control",
    "Layout",
    "Record",
    "RunState",
    "SegmentError",
    "Torn",
    "Word",
    "head_size",
]
