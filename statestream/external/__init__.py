"""Start values from the files of other toolboxes: `init P: [external model, layer, parameter]` (docs/index.md).

`read_apart(network)` gives them. Files are data: nothing in them is run, no engine is loaded, only arrays of the wanted
size are read, and that in a process of its own.
"""

from __future__ import annotations

from statestream.external.apart import read_apart
from statestream.external.errors import ExternalModelError
from statestream.external.formats import NAMES
from statestream.external.start_values import Taken

__all__ = ["NAMES", "ExternalModelError", "Taken", "read_apart"]
