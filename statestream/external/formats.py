"""The formats by their name in a graph. A new one is one module with an `open_model`, and one entry here."""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from statestream.external.errors import UnfitError

if TYPE_CHECKING:
    from statestream.external.model import Model

_MODULES = {
    "keras": "statestream.external.keras_file",
    "safetensors": "statestream.external.safetensors_file",
}
NAMES = tuple(_MODULES)
"""What `type` of an external model may be."""


def open_model(kind: str, path: Path) -> AbstractContextManager[Model]:
    """The file, opened for reading. Raises UnfitError (now or on entering) if it is none of that format."""
    if path.exists() and not path.is_file():
        raise UnfitError("this is a folder or a device; a file is needed")
    opened: AbstractContextManager[Model] = import_module(_MODULES[kind]).open_model(path)
    return opened
