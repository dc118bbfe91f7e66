"""statestream: a shared-memory multiprocess runtime for streaming neural networks.

The public interface for Python; everything is loaded on first use, so that `import statestream` costs nothing:

    import statestream as sst

    net = sst.load_graph("net.st_graph")       # raises sst.GraphError, whose .findings say what is wrong and where
    with sst.Session(net) as session:          # its processes end with the block
        session.step(10)
        session["hidden1"].state               # [agents, features, X, Y], a copy, of one whole frame
    sst.attach(session_id)                     # the same handle on a session that another process owns
    sst.open_capture("run.h5")                 # what `statestream capture` recorded
    print(sst.verify(net).text)                # whether the engines compute it as plain numpy does
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from statestream.version import VERSION as __version__

if TYPE_CHECKING:
    from statestream.captures.errors import CaptureError
    from statestream.captures.reader import open_capture
    from statestream.graph import GraphError
    from statestream.session import CommandError, Session, SessionError, attach, load_graph
    from statestream.verification import VerificationError, verify

__all__ = [
    "CaptureError", "CommandError", "GraphError", "Session", "SessionError", "VerificationError", "__version__",
    "attach", "load_graph", "open_capture", "verify",
]  # fmt: skip

_HOMES = {
    "CaptureError": "statestream.captures.errors",
    "CommandError": "statestream.session",
    "GraphError": "statestream.graph",
    "Session": "statestream.session",
    "SessionError": "statestream.session",
    "VerificationError": "statestream.verification",
    "attach": "statestream.session",
    "load_graph": "statestream.session",
    "open_capture": "statestream.captures.reader",
    "verify": "statestream.verification",
}


def __getattr__(name: str) -> Any:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
