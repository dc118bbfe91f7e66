"""Start values from the files of other toolboxes: `init P: [external model, layer, parameter]` (docs/index.md).

`initial_values(network, seed)` gives all first values of a network, `read(network)` only those that come from files.
Files are data: nothing in them is run, no engine is loaded, and only arrays of the wanted size are read.
"""

from __future__ import annotations

from statestream.external.errors import ExternalModelError
from statestream.external.formats import NAMES
from statestream.external.start_values import Taken, initial_values, read

__all__ = ["NAMES", "ExternalModelError", "Taken", "initial_values", "read"]
