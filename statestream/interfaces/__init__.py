"""Interfaces connect a network to data, worlds and devices: one module per type, found by name and by entry point."""

from statestream.interfaces.base import Interface, Moment, load
from statestream.interfaces.errors import InterfaceError

__all__ = ["Interface", "InterfaceError", "Moment", "load"]
