"""What a graph may say: declarations that other rooms fill and `graph/` checks against.

Pure data. An item parameter is declared once, as a `Parameter`; checks, defaults, help, completion and dialogs all
read that declaration. `statestream.catalogue.default_catalogue()` assembles the real `Catalogue`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from statestream.graph.network import Network

ValueType = Literal[
    "int", "float", "bool", "text",  # plain scalars; an int is a float too, a bool is neither
    "choice",  # one of `allowed`
    "pool", "plasticity", "interface", "item",  # the name of an item of the network
    "activation",  # an activation's name, or an expression over `$`
    "function",  # an activation's name only
    "expression",  # an expression over `$00`, `$01`, ... (factor, input)
    "init",  # a number, an initialiser, or [external model, layer, parameter]
    "shape",  # [features, X, Y]
    "device", "backend",
    "names",  # list of texts
    "list", "mapping", "any",
]  # fmt: skip

Layout = Literal["", "factors", "inputs"]
"""'' one value; 'factors' a list with one value per factor; 'inputs' a list of lists laid out as `source`."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One key that an item may have.

    default: the value where the key is absent (of one entry, when there is a layout). allowed: for a choice.
    minimum, maximum: of a number; also the bounds of the array when `array`. aliases: other accepted spellings.
    array: the parameter is a float32 scalar of the arena, which may be changed while the session runs.
    when: (other key, values): the parameter has a meaning only if the other key has one of these values.
    per_array: the real keys are "<name> <array>", such as `init W_0_0`.
    weights: of a synapse-pool; it tells of weights and factors, which functions, pooling and transformers do not have.
    not_below: another parameter of the item, whose value this one must reach (`max_duration` that of `min_duration`).
    planned: what holds whatever the graph says, as long as the parameter is not built yet; empty if it is.
    """

    name: str
    type: ValueType = "any"
    default: Any = None
    allowed: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    aliases: tuple[str, ...] = ()
    help: str = ""
    required: bool = False
    array: bool = False
    when: tuple[str, tuple[Any, ...]] | None = None
    layout: Layout = ""
    per_array: bool = False
    weights: bool = False
    not_below: str = ""
    planned: str = ""


@dataclass(frozen=True, slots=True)
class ActivationDeclaration:
    """A function of one value. keywords: name -> default of its keyword arguments."""

    name: str
    keywords: Mapping[str, Any] = field(default_factory=dict)
    help: str = ""


@dataclass(frozen=True, slots=True)
class FunctionDeclaration:
    """A further function of the expression language (`B.sum(...)`), which is no activation.

    arguments: least and greatest number of positional arguments. keywords: accepted keyword names.
    """

    name: str
    arguments: tuple[int, int] = (1, 1)
    keywords: tuple[str, ...] = ()
    help: str = ""


@dataclass(frozen=True, slots=True)
class LossDeclaration:
    """A loss function of the loss plasticity. needs_target: it compares `source` with a `target`."""

    name: str
    needs_target: bool = True
    help: str = ""


@dataclass(frozen=True, slots=True)
class OptimizerDeclaration:
    """An optimizer, with the parameters that it adds to a plasticity (`lr`, ...)."""

    name: str
    parameters: tuple[Parameter, ...] = ()
    help: str = ""


@dataclass(frozen=True, slots=True)
class Variable:
    """What a plasticity reports or remembers, 0 at first: a number, or as many as the state of a pool.

    shape_of: the key that names that pool; empty for a number.
    """

    name: str
    help: str = ""
    shape_of: str = ""


@dataclass(frozen=True, slots=True)
class PlasticityDeclaration:
    """A type of plasticity. rollout: 'loss', 'synapse' (pools of the first trained one) or 'parameters'.

    variables: those of the type itself; its optimizer has more. single: only the first listed parameter is trained.
    """

    type: str
    rollout: Literal["loss", "synapse", "parameters"]
    parameters: tuple[Parameter, ...] = ()
    help: str = ""
    variables: tuple[Variable, ...] = ()
    single: bool = False


@dataclass(frozen=True, slots=True)
class Initialiser:
    """A named start value such as `xavier_2.0`. arguments: allowed numbers of `_`-separated numbers after the name.

    kernel: only for weights [targets, sources, x, y]. square: with as many targets as sources. multiple: one of these
    numbers must be a multiple of the other (and equal, if a number follows the name).
    """

    name: str
    arguments: tuple[int, ...] = (0,)
    square: bool = False
    help: str = ""
    kernel: bool = False
    multiple: bool = False


Dimension = int | tuple[int, ...] | str | None
"""Any of: the length, one of several lengths, the name of the interface parameter that holds it, no constraint."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One array that an interface reads from, or writes to, a neuron-pool.

    shape: constraints on (features, X, Y) of the pool, None for any. multiple_of: X and Y must be multiples of it.
    space_of: another topic of the interface with the same X and Y.
    """

    name: str
    help: str = ""
    shape: tuple[Dimension, Dimension, Dimension] | None = None
    multiple_of: int = 1
    space_of: str = ""


@dataclass(frozen=True, slots=True)
class Timing:
    """How an interface measures the network's answers: by delay, in frames since a stimulus began.

    stimulus, answer: topics. window, duration: parameters that hold the number of measured delays (from 0 on), and the
    shortest duration of a stimulus; greatest_delay: what is added to that for the last delay before the next one.
    """

    stimulus: str
    answer: str
    window: str
    duration: str
    greatest_delay: int = 0


@dataclass(frozen=True, slots=True)
class InterfaceDeclaration:
    """A type of interface. inputs: topics it reads (network -> interface); outputs: topics it writes.

    available: False for a type that is declared, so that graphs with it load, but not built yet.
    """

    type: str
    help: str = ""
    inputs: tuple[Topic, ...] = ()
    outputs: tuple[Topic, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    available: bool = True
    timing: Timing | None = None


@dataclass(frozen=True, slots=True)
class ClientDeclaration:
    """A type of core client."""

    type: str
    help: str = ""
    parameters: tuple[Parameter, ...] = ()
    available: bool = True


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that a graph can name. `neuron_pool` ... `core_client` are the keys common to the items of a kind.

    parameter_shapes(network, item): shapes of all array parameters of an item (scalars ()), or None if unknown.
    refusals(network): (item, parameter, message) for what an otherwise sound network asks for and cannot be computed.
    """

    neuron_pool: tuple[Parameter, ...] = ()
    synapse_pool: tuple[Parameter, ...] = ()
    plasticity: tuple[Parameter, ...] = ()
    interface: tuple[Parameter, ...] = ()
    core_client: tuple[Parameter, ...] = ()
    plasticities: Mapping[str, PlasticityDeclaration] = field(default_factory=dict)
    interfaces: Mapping[str, InterfaceDeclaration] = field(default_factory=dict)
    core_clients: Mapping[str, ClientDeclaration] = field(default_factory=dict)
    activations: Mapping[str, ActivationDeclaration] = field(default_factory=dict)
    functions: Mapping[str, FunctionDeclaration] = field(default_factory=dict)
    losses: Mapping[str, LossDeclaration] = field(default_factory=dict)
    optimizers: Mapping[str, OptimizerDeclaration] = field(default_factory=dict)
    initialisers: Mapping[str, Initialiser] = field(default_factory=dict)
    backends: tuple[str, ...] = ("numpy", "tensorflow", "theano")
    external_models: tuple[str, ...] = ("keras", "safetensors")
    parameter_shapes: Callable[[Network, str], Mapping[str, tuple[int, ...]]] | None = None
    refusals: Callable[[Network], Iterable[tuple[str, str, str]]] | None = None
