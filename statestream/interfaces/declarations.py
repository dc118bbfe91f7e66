"""`INTERFACES`: the declarations of all interface types, built or planned, ours or other packages'.

A built type declares itself in its own module of this package (`DECLARATION`); another package adds a type by an entry
point of the group `statestream.interfaces` that names its `Interface` class. Nothing else has to be told of a new one.
"""

from __future__ import annotations

import pkgutil
import warnings
from importlib import import_module
from importlib.metadata import entry_points

from statestream import interfaces as package
from statestream.graph.catalogue import InterfaceDeclaration
from statestream.interfaces.common import INTERFACE
from statestream.interfaces.planned import PLANNED

__all__ = ["GROUP", "INTERFACE", "INTERFACES"]

GROUP = "statestream.interfaces"
"""Entry point group of interface types from other packages; an entry point's name is the type."""


def _own() -> dict[str, InterfaceDeclaration]:
    """Declarations of the modules of this package, in the order of their names."""
    found = {}
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if module.name != __name__:
            declaration = getattr(import_module(module.name), "DECLARATION", None)
            if declaration is not None:
                found[declaration.type] = declaration
    return found


def _foreign() -> dict[str, InterfaceDeclaration]:
    """Declarations of other packages' types; one that cannot be loaded is left out, with a warning."""
    found = {}
    for entry in entry_points(group=GROUP):
        try:
            found[entry.name] = entry.load().declaration
        except (ImportError, AttributeError) as error:
            warnings.warn(f"interface type {entry.name} ({entry.value}) cannot be loaded: {error}", stacklevel=2)
    return found


# Ours come last: another package may build a type that we only planned, but not replace one that we built.
INTERFACES: dict[str, InterfaceDeclaration] = {**PLANNED, **_foreign(), **_own()}
