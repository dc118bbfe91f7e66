"""Captures: recordings of a network, frame by frame, in HDF5. Their layout, writing, reading and comparison."""

from statestream.captures.errors import CaptureError
from statestream.captures.reader import Capture, Recorded, RecordedItem, open_capture

__all__ = ["Capture", "CaptureError", "Recorded", "RecordedItem", "open_capture"]
