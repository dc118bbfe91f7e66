"""Text -> network: reading, expanding and checking graphs, and their structure.

Nothing here imports another room: what a graph may name is handed over as a `Catalogue`.
"""

from statestream.graph.arithmetic import arithmetic
from statestream.graph.catalogue import Catalogue
from statestream.graph.expressions import Expression, ExpressionError, parse
from statestream.graph.findings import Finding, GraphError
from statestream.graph.item import Item
from statestream.graph.load import load_graph
from statestream.graph.network import Group, Network
from statestream.graph.rollout import Rollout

__all__ = [
    "Catalogue",
    "Expression",
    "ExpressionError",
    "Finding",
    "GraphError",
    "Group",
    "Item",
    "Network",
    "Rollout",
    "arithmetic",
    "load_graph",
    "parse",
]
