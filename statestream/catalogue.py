"""The one real catalogue: everything that a graph can name, from the rooms that implement it."""

from __future__ import annotations

from functools import cache

from statestream import backends, external
from statestream.clients.declarations import COMMON, CORE_CLIENTS
from statestream.graph.catalogue import ActivationDeclaration, Catalogue, LossDeclaration, OptimizerDeclaration
from statestream.interfaces.declarations import INTERFACE, INTERFACES
from statestream.numerics.activations import ACTIVATIONS
from statestream.numerics.declarations import (
    FUNCTIONS,
    INITIALISERS,
    NEURON_POOL,
    PLASTICITIES,
    PLASTICITY,
    SYNAPSE_POOL,
)
from statestream.numerics.losses import LOSSES
from statestream.numerics.optimizers import OPTIMIZERS
from statestream.numerics.refusals import refusals
from statestream.numerics.shapes import parameter_shapes


@cache
def default_catalogue() -> Catalogue:
    """The catalogue of this installation; no engine is loaded."""
    return Catalogue(
        neuron_pool=NEURON_POOL,
        synapse_pool=SYNAPSE_POOL,
        plasticity=PLASTICITY,
        interface=INTERFACE,
        core_client=COMMON,
        plasticities=PLASTICITIES,
        interfaces=INTERFACES,
        core_clients=CORE_CLIENTS,
        activations={name: ActivationDeclaration(name, each.keywords, each.help) for name, each in ACTIVATIONS.items()},
        functions=FUNCTIONS,
        losses={name: LossDeclaration(name, each.needs_target, each.help) for name, each in LOSSES.items()},
        optimizers={name: OptimizerDeclaration(name, each.parameters, each.help) for name, each in OPTIMIZERS.items()},
        initialisers=INITIALISERS,
        backends=backends.NAMES,
        external_models=external.NAMES,
        parameter_shapes=parameter_shapes,
        refusals=refusals,
    )
