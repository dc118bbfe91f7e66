"""Small networks, and one frame of them computed without any session: what the tests of numerics share."""

from __future__ import annotations

import numpy as np

from conformance import engine
from statestream.catalogue import default_catalogue
from statestream.graph import load_graph
from statestream.numerics.arrays import array_table
from statestream.numerics.initialisation import initial_value
from statestream.numerics.step import SPLIT, Step
from statestream.streams import fill_draw, stream

ORACLE_CASES = ("factors", "feedforward", "geometry", "language", "learning", "pools")


def network(neuron_pools, synapse_pools=None, plasticities=None, agents=4, **top_level):
    """A network from the sections of a graph; a synapse-pool `a_b` without source and target leads from a to b."""
    synapses = {}
    for name, spec in (synapse_pools or {}).items():
        if "source" not in spec:
            source, target = name.split("_")
            spec = {"source": [[source]], "target": target, **spec}
        synapses[name] = spec
    graph = {
        "name": "test",
        "agents": agents,
        "backend": "numpy",
        "neuron_pools": neuron_pools,
        "synapse_pools": synapses,
        "plasticities": plasticities or {},
        "interfaces": {},
        **top_level,
    }
    return load_graph(graph, catalogue=default_catalogue())


def oracle_case(folder, case):
    """(network, numbers, values at the start) of one case of tests/oracle."""
    net = load_graph(folder / case / "net.st_graph", catalogue=default_catalogue(), default_backend="numpy")
    with np.load(folder / case / "case.npz") as stored:
        numbers = {key: stored[key] for key in stored.files}
    values = {}
    for spec in array_table(net):
        item, kind, name = spec.key
        source = {"state": f"in/{item}/state", "parameter": f"par/{item}/{name}"}.get(kind)
        value = np.zeros(spec.shape) if source is None else numbers[source].reshape(spec.shape)
        values[spec.key] = np.array(value, np.float32, order="C")
    return net, numbers, values


def start(net, seed=7, states=True):
    """Values of all arrays; random states and memories of states, so that every path carries something."""
    values = {}
    for spec in array_table(net):
        item, kind, name = spec.key
        values[spec.key] = initial_value(net, spec.key, seed)
        if states and (kind == "state" or name.startswith(("source(", "target("))):
            values[spec.key] = stream(seed, item, f"test{name}").standard_normal(spec.shape, np.float32)
    return values


def draw(step, seed=7, frame=0):
    """The random numbers of one frame, as a session draws them."""
    result = {one.key: np.empty(one.shape, np.float32) for one in step.draws}
    for one in step.draws:
        fill_draw(seed, one.key[1], one.key[2], frame, one.distribution, result[one.key])
    return result


def compiled(net, items=None, backend="numpy"):
    """A function (values, split, seed, frame) -> outputs of one frame."""
    step = Step(net, (*net.neuron_pools, *net.plasticities) if items is None else items)
    run = engine(backend).compile(step.function, step.shapes)

    def one_frame(values, split=0, seed=7, frame=0):
        given = {**values, SPLIT: np.array(split, np.float32), **draw(step, seed, frame)}
        # Copies: an engine's results are valid until its next call only.
        outputs = {key: value.copy() for key, value in run({key: given[key] for key in step.shapes}).items()}
        assert set(outputs) == set(step.outputs)
        return outputs

    return one_frame


def compute(net, values, items=None, split=0, seed=7, backend="numpy"):
    """The outputs of one frame."""
    return compiled(net, items, backend)(values, split, seed)


def agree(found, expected):
    """Law 6: states within 1e-5, losses, gradients and what follows from them within 1e-4 of the largest magnitude."""
    for key, value in expected.items():
        scale = max(float(np.abs(value).max(initial=0)), 1e-6)
        tolerance = 1e-5 * max(scale, 1) if key[1] == "state" else 1e-4 * scale
        if key[1] == "update":
            tolerance *= 10  # where a gradient is nearly 0, adam divides rounding errors by their own size
        np.testing.assert_allclose(found[key], value, rtol=0, atol=tolerance, err_msg=str(key))


def state(outputs, pool):
    """A pool's next state."""
    return outputs[pool, "state", ""]


def loss(source, source_t, parameter, loss_function="minimize", **spec):
    """The entry of a loss plasticity. parameter: a synapse-pool, whose weight is trained, or a list of entries."""
    return {
        "type": "loss",
        "loss_function": loss_function,
        "source": source,
        "source_t": source_t,
        "parameter": [["sp", parameter, "W_0_0"]] if isinstance(parameter, str) else parameter,
        **spec,
    }


def busy_network():
    """Pools that share paths, a loop, noise, dropout, zoneout, and three plasticities."""
    pools = {
        "i": {"shape": [2, 8, 8], "noise": "normal", "noise_std": 0.3},
        "y": {"shape": [4, 1, 1]},
        "h": {"shape": [4, 8, 8], "act": "leakyrelu", "dropout": 0.3},
        "g": {"shape": [4, 4, 4], "act": "tanh", "zoneout": 0.2, "layernorm_mean": "full", "layernorm_std": "full"},
        "o": {"shape": [4, 1, 1], "act": "softmax"},
        "p": {"shape": [2, 8, 8]},
    }
    synapses = {
        "i_h": {"rf": 3},
        "h_h": {"rf": 3},
        "h_g": {"rf": 3},
        "g_g": {"rf": 1, "share params": {"W_0_0": ["g_loop", "W_0_0"]}},
        "g_loop": {"source": [["g"]], "target": "g", "rf": 1},
        "g_o": {},
        "h_o": {},
        "gate": {"source": [["g"], ["h"]], "target": "p", "rf": [[3], [3]], "act": ["sigmoid", "Id"]},
    }
    entries = [["sp", "i_h", "W_0_0"], ["sp", "h_g", "W_0_0"], ["sp", "g_g", "W_0_0"], ["np", "h", "b"]]
    plasticities = {
        "deep": loss(
            "o", 3, [*entries, ["sp", "g_o", "W_0_0"]], "negloglikelihood", target="y", target_t=0, optimizer="adam"
        ),
        "short": loss("o", 2, entries, "softmax_cross_entropy", target="y", target_t=0, optimizer="rmsprop"),
        "auto": loss("p", 2, [*entries, ["sp", "gate", "W_1_0"]], "MSE", target="i", target_t=0, lr=0.1),
    }
    return network(pools, synapses, plasticities, agents=6)
