"""Regularizer and Hebbian plasticities over several frames, on every engine, against sums written out with numpy."""

from __future__ import annotations

import numpy as np
import pytest

from numerics_networks import compiled, network, start
from numerics_reference import optimized
from statestream.catalogue import default_catalogue
from statestream.graph import load_graph
from statestream.numerics import declarations
from statestream.numerics.apply import apply_updates
from statestream.numerics.arrays import array_table, increments, trained
from statestream.numerics.plasticities import PLASTICITIES
from statestream.numerics.step import Step

AGENTS = 3
MODES = ("hebbian", "anti_hebbian", "dt hebbian", "dt anti_hebbian")
RATES = {
    "grad_desc": {"lr": 0.02},
    "adam": {"lr": 0.05, "momentum": 0.8, "decay": 0.9},
    "rmsprop": {"lr": 0.03, "rho": 0.7},
}
WEIGHTS = {"one": "W_0_0", "each": "W_0_0", "second": "W_1_1"}
"""Synapse-pools from a to t, with the weight that learns: `each` has one copy per agent."""
BACKENDS = ["numpy", *(pytest.param(name, marks=pytest.mark.slow) for name in ("tensorflow", "theano"))]


def plasticities():
    """All modes, weights and optimizers."""
    specs = {}
    for optimizer, rates in RATES.items():
        common = {"optimizer": optimizer, **rates}
        for synapse, weight in WEIGHTS.items():
            for modus in MODES:
                name = f"{modus.replace(' ', '_')}_{synapse}_{optimizer}"
                ends = {"source": "b" if synapse == "second" else "a", "target": "t"}
                specs[name] = {"type": "hebbian", "modus": modus, **ends, "parameter": [["sp", synapse, weight]]}
                specs[name] |= common
        every = [["sp", "alias", "W_0_0"], ["np", "t", "b"], ["sp", "one", "W_0_0"], ["sp", "each", "W_0_0"]]
        every.append(["np", "a", "noise_std"])
        specs[f"decay_{optimizer}"] = {"type": "L_regularizer", "L1": 0.3, "L2": 0.2, "parameter": every} | common
    return specs


def many():
    """Everything above in one network; a and b have space, t is a single pixel."""
    pools = {
        "a": {"shape": [2, 3, 2], "noise": "normal"},
        "b": {"shape": [2, 2, 2]},
        "t": {"shape": [4, 1, 1], "init b": "normal"},
    }
    synapses = {
        "one": {"source": [["a"]], "target": "t"},
        "alias": {"source": [["a"]], "target": "t", "share params": {"W_0_0": ["one", "W_0_0"]}},
        "each": {"source": [["a"]], "target": "t", "unshare": ["W_0_0"], "weight_fnc": [["tanh"]]},
        "second": {"source": [["a"], ["a", "b"]], "target": "t", "pact": [["Id"], ["Id", "tanh"]]},
    }
    return network(pools, synapses, plasticities(), agents=AGENTS)


def frames(net, backend, count, items=None, seed=3):
    """Yields (states, parameters before, outputs) of frames with states at random; learning as in a session."""
    items = list(net.plasticities) if items is None else items
    run, values = compiled(net, items, backend), start(net, states=False)
    generator = np.random.default_rng(seed)
    for frame in range(count):
        for key in values:
            if key[1] == "state":
                values[key] = generator.standard_normal(values[key].shape, np.float32)
        before = {key: value.copy() for key, value in values.items()}
        outputs = run(values, split=2, frame=frame)
        yield before, outputs
        values |= outputs
        for spec in array_table(net):
            listed = increments(net, spec.key[0], spec.key[2]) if spec.key[1] == "parameter" else ()
            if listed:
                parts = [outputs[key] for key in listed if key in outputs]
                apply_updates(values[spec.key], parts, spec.minimum, spec.maximum, values[spec.key])


def correlation(modus, source, target, unshared):
    """H, from the states at all executions so far."""
    k = len(source)
    if k < 2:
        return None
    difference = target[k - 1] - target[k - 2] if modus.startswith("dt") else target[k - 1]
    per_agent = np.zeros((AGENTS, difference.shape[1], *source[0].shape[1:]))
    for agent, t, s in np.ndindex(AGENTS, *per_agent.shape[1:3]):
        per_agent[agent, t, s] = difference[agent, t, 0, 0] * source[k - 2][agent, s]
    return per_agent if unshared else per_agent.sum(axis=0)


def check_optimizer(name, spec, outputs, memory, gradients):
    """The outputs follow from the gradients; memory: (t, m, v) of each parameter, moved on."""
    for entry, gradient in gradients.items():
        full = ".".join(entry)
        np.testing.assert_allclose(outputs[name, "variable", f"grad.{full}"], gradient, rtol=1e-4, atol=1e-5)
        kept = memory.get(entry, (0.0, np.zeros(gradient.shape), np.zeros(gradient.shape)))
        wanted, memory[entry] = optimized(spec["optimizer"], gradient, kept, RATES[spec["optimizer"]])
        found = outputs[name, "update", ".".join(entry[1:])]
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5, err_msg=f"{name} {entry}")
        for number, moment in ((1, "moments"), (2, "varianc"), (2, "accumulation")):
            if (key := (name, "variable", f"{moment}.{full}")) in outputs:
                np.testing.assert_allclose(outputs[key], memory[entry][number], rtol=1e-4, atol=1e-5)


@pytest.mark.proves(
    "hebbian.modus", "hebbian.source", "hebbian.target", "L_regularizer.L1", "L_regularizer.L2",
    "plast.optimizer", "plast.parameter", "optimizer.grad_desc", "optimizer.adam", "optimizer.rmsprop",
    "sp.unshare", "sp.share params",
)  # fmt: skip
@pytest.mark.parametrize("backend", BACKENDS)
def test_five_frames_of_every_mode_weight_and_optimizer(backend):
    net = many()
    executions = []
    memories = {name: {} for name in net.plasticities}
    for before, outputs in frames(net, backend, 5):
        wide = {key: value.astype(np.float64) for key, value in before.items()}
        for name, spec in net.plasticities.items():
            check = check_hebbian if spec["type"] == "hebbian" else check_decay
            check(name, spec, wide, outputs, memories[name], executions)
        executions.append({pool: wide[pool, "state", ""] for pool in "abt"})


def check_hebbian(name, spec, values, outputs, memory, executions):
    ((kind, item, parameter),) = spec["parameter"]
    source, target = ([each[spec[role]] for each in executions] for role in ("source", "target"))
    for role, states in (("source", source), ("target", target)):
        now, last = outputs[name, "variable", f"{role}(now)"], outputs[name, "variable", f"{role}(now-1)"]
        np.testing.assert_array_equal(now, values[spec[role], "state", ""])
        np.testing.assert_array_equal(last, states[-1] if states else np.zeros(last.shape))
    found = outputs[name, "update", f"{item}.{parameter}"]
    correlated = correlation(spec["modus"], source, target, unshared=item == "each")
    if correlated is None:
        assert not found.any()
        correlated = np.zeros(found.shape)
    else:
        assert np.abs(found).max() > 1e-3
    sign = 1 if "anti" in spec["modus"] else -1
    check_optimizer(name, spec, outputs, memory, {(kind, item, parameter): sign * correlated})


def check_decay(name, spec, values, outputs, memory, _):
    owners = {("sp", "alias", "W_0_0"): "one", ("np", "t", "b"): "t", ("sp", "each", "W_0_0"): "each"}
    owners["np", "a", "noise_std"] = "a"
    arrays = {entry: values[owner, "parameter", entry[2]] for entry, owner in owners.items()}
    loss = sum(0.3 * np.abs(w).sum() + 0.2 * (w**2).sum() for w in arrays.values())
    np.testing.assert_allclose(outputs[name, "variable", "loss"], loss, rtol=1e-5)
    assert (name, "update", "one.W_0_0") not in outputs  # the alias stands for it
    gradients = {entry: 0.3 * np.sign(w) + 2 * 0.2 * w for entry, w in arrays.items()}
    check_optimizer(name, spec, outputs, memory, gradients)


def test_the_causal_order_by_hand():
    """A source's spike in frame 0 meets the target's spike that it caused in frame 1: the weight grows in frame 2."""
    pools = {"s": {"shape": [1, 1, 1]}, "t": {"shape": [1, 1, 1]}}
    plan = {"type": "hebbian", "source": "s", "target": "t", "parameter": [["sp", "s_t", "W_0_0"]], "lr": 0.5}
    modes = {name.replace(" ", "_"): {**plan, "modus": name} for name in MODES}
    net = network(pools, {"s_t": {}}, modes, agents=1)
    run, values = compiled(net, list(modes)), start(net, states=False)
    grown = {name: [] for name in modes}
    for source, target in ((2, 0), (0, 3), (0, 3), (0, 0), (0, 0)):
        values["s", "state", ""][...], values["t", "state", ""][...] = source, target
        outputs = run(values)
        values |= outputs
        for name in modes:
            grown[name].append(float(outputs[name, "update", "s_t.W_0_0"][0, 0, 0, 0]))
    # An increment is never larger than 1, so lr T(1) S(0) = 0.5 * 3 * 2 becomes 1; nothing else pairs with S(0) = 2.
    assert grown == {
        "hebbian": [0, 0, 1, 0, 0],
        "anti_hebbian": [0, 0, -1, 0, 0],
        "dt_hebbian": [0, 0, 1, 0, 0],
        "dt_anti_hebbian": [0, 0, -1, 0, 0],
    }


def test_what_does_not_change_is_not_correlated_with_the_difference():
    pools = {"s": {"shape": [2, 1, 1]}, "t": {"shape": [2, 1, 1]}}
    plan = {
        "type": "hebbian",
        "modus": "dt hebbian",
        "source": "s",
        "target": "t",
        "parameter": [["sp", "s_t", "W_0_0"]],
    }
    net = network(pools, {"s_t": {}}, {"h": plan}, agents=2)
    run, values = compiled(net, ["h"]), start(net, states=False)
    values["s", "state", ""][...], values["t", "state", ""][...] = 2, 3
    for _ in range(5):
        outputs = run(values)
        values |= outputs
        assert not outputs["h", "update", "s_t.W_0_0"].any()
        assert outputs["h", "variable", "source(now)"].any()


@pytest.mark.proves("plast.ignore_split")
@pytest.mark.parametrize("ignore_split", [False, True])
def test_the_split_is_of_no_concern_to_either_type(ignore_split):
    net = many().replace(
        settings={f"{name}.ignore_split": ignore_split for name in many().plasticities if name.endswith("grad_desc")}
    )
    step = Step(net, list(net.plasticities))
    assert ("", "session", "split") not in step.shapes
    assert not step.draws


@pytest.mark.proves("plast.parameter")
def test_only_the_first_parameter_of_a_hebbian_plasticity_is_trained():
    pools = {"s": {"shape": [2, 1, 1]}, "t": {"shape": [3, 1, 1]}}
    entries = [["sp", "s_t", "W_0_0"], ["np", "t", "b"]]
    plan = {"type": "hebbian", "modus": "hebbian", "source": "s", "target": "t", "parameter": entries}
    net = network(pools, {"s_t": {}}, {"h": plan})
    assert [one.full_name for one in trained(net, "h")] == ["sp.s_t.W_0_0"]
    assert increments(net, "t", "b") == ()
    assert [spec.key[2] for spec in array_table(net) if spec.key[1] == "update"] == ["s_t.W_0_0"]


def test_an_old_graph_with_all_types(root):
    """Hebbian learning and a loss on one weight, decay of the array that a loss trains through another's name."""
    net = load_graph(root / "tests/old_graphs/sharing.st_graph", catalogue=default_catalogue(), default_backend="numpy")
    step = Step(net, net.plasticities)
    assert step.shapes["by_hebb", "variable", "source(now)"] == (128, 8, 14, 14)
    assert increments(net, "plain", "W_0_0") == (("by_loss", "update", "far.W_0_0"), ("decay", "update", "plain.W_0_0"))
    assert increments(net, "read", "W_0_0") == (
        ("by_loss", "update", "read.W_0_0"),
        ("by_hebb", "update", "read.W_0_0"),
    )


def test_every_declared_type_is_built_and_writes_the_variables_it_declares():
    assert PLASTICITIES.keys() == declarations.PLASTICITIES.keys()
    net = many()
    for name in ("hebbian_each_adam", "decay_rmsprop"):
        step = Step(net, [name])
        written = {spec.key for spec in array_table(net) if spec.key[0] == name and spec.key[1] != "parameter"}
        assert set(step.outputs) == written
    shapes = {spec.key: spec.shape for spec in array_table(net)}
    assert shapes["hebbian_one_adam", "variable", "source(now-1)"] == (AGENTS, 2, 3, 2)
    assert shapes["hebbian_one_adam", "variable", "target(now)"] == (AGENTS, 4, 1, 1)
    assert shapes["decay_adam", "variable", "loss"] == ()
