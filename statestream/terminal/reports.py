"""What the program prints: results, complaints on standard error, the findings about a graph, trouble told once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Sized
from contextlib import suppress
from typing import TYPE_CHECKING

from statestream.terminal.endings import OUTPUT_CLOSED, Ending, discard
from statestream.terminal.text import safe

if TYPE_CHECKING:
    from statestream.graph import Network
    from statestream.graph.findings import Finding


def complain(text: str) -> None:
    """Print to standard error, from any thread; nobody may be listening there."""
    with suppress(OSError, ValueError):
        print(safe(text), file=sys.stderr, flush=True)


def tell(text: str) -> None:
    """Print a result to standard output. Nobody reading it, or a full disk, ends the program."""
    try:
        print(text, flush=True)
    except OSError as error:
        discard(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise Ending(OUTPUT_CLOSED) from None
        complain(f"statestream: the results cannot be written: {error.strerror}")
        raise Ending(1) from None


def list_findings(findings: Iterable[Finding], prefix: str = "") -> None:
    """One line for each: `file:line: item.parameter: message`."""
    for finding in findings:
        place, _, rest = str(finding).partition(": ")
        complain(f"{place}: {prefix}{rest}" if prefix else str(finding))


def summary(network: Network) -> str:
    """A network in a few words."""
    parts = [
        _count(network.neuron_pools, "neuron-pool", "neuron-pools"),
        _count(network.synapse_pools, "synapse-pool", "synapse-pools"),
        _count(network.plasticities, "plasticity", "plasticities"),
        _count(network.interfaces, "interface", "interfaces"),
    ]
    return f"{', '.join(parts)}; {_count(range(network.agents), 'agent', 'agents')}, backend {network.backend}"


class Troubles:
    """Why a session broke: told once, though both an event and a failed command may bring the news."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._lock = threading.Lock()

    @property
    def any(self) -> bool:
        """Whether there was trouble."""
        return bool(self._told)

    def news(self, text: str) -> bool:
        """Note a trouble; whether it was not known yet."""
        with self._lock:
            new = bool(text) and text not in self._told
            self._told.add(text)
            self._told.discard("")
        return new


def _count(items: Sized, one: str, many: str) -> str:
    return f"{len(items)} {one if len(items) == 1 else many}"
