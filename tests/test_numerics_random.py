"""Random small graphs: against a second computation from the specification, across partitions, on every engine."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import numerics_reference
from conformance import OTHERS, allowing_gaps, engine
from numerics_graphs import graphs
from numerics_networks import draw, start
from statestream.backends.numpy import Engine
from statestream.catalogue import default_catalogue
from statestream.graph import GraphError, load_graph
from statestream.numerics.step import SPLIT, Step

SPLIT_AT = 1


def some(examples):
    """That many examples, the same each time; a failing graph is shown as it is, for shrinking takes minutes."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def network(graph):
    """The network; plasticities that the checks refuse (nothing leads to their source, say) are left out."""
    try:
        return load_graph(graph, catalogue=default_catalogue())
    except GraphError as error:
        wrong = {finding.item for finding in error.findings}
        assert wrong <= set(graph["plasticities"]), error
        kept = {name: spec for name, spec in graph["plasticities"].items() if name not in wrong}
        return load_graph({**graph, "plasticities": kept}, catalogue=default_catalogue())


def given_to(step, values):
    drawn = draw(step)
    everything = {**values, SPLIT: np.array(SPLIT_AT, np.float32), **drawn}
    return {key: everything[key] for key in step.shapes}


def computed(net, values, items=None, backend=None):
    """All outputs of some items; by numpy in double precision, or another engine."""
    step = Step(net, [*net.neuron_pools, *net.plasticities] if items is None else items)
    arrays = given_to(step, values)
    if backend is None:
        run = Engine(dtype=np.float64).build(step.function, step.shapes)
        return run({key: array.astype(np.float64) for key, array in arrays.items()})
    outputs = engine(backend).compile(step.function, step.shapes)(arrays)
    return {key: value.copy() for key, value in outputs.items()}


@some(40)
@given(graphs())
def test_numpy_agrees_with_a_second_computation(graph):
    net = network(graph)
    values = start(net)
    everything = Step(net, [*net.neuron_pools, *net.plasticities])
    outputs = computed(net, values)
    reference = numerics_reference.Reference(net, values, draw(everything), SPLIT_AT)
    with np.errstate(over="ignore"):
        for pool in net.neuron_pools:
            wanted = reference.next_state(pool)
            scale = max(1, float(np.abs(wanted).max()))
            np.testing.assert_allclose(outputs[pool, "state", ""], wanted, rtol=1e-7, atol=1e-7 * scale)
        for name in net.plasticities:
            check_learning(net, name, values, outputs, reference)


def check_learning(net, name, values, outputs, reference):
    """Variables, some derivatives, and what the optimizer makes of the gradients."""
    for part, wanted in reference.variables(name).items():
        np.testing.assert_allclose(outputs[name, "variable", part], wanted, rtol=1e-6, atol=1e-9)
    spec = net.plasticities[name]
    rates = {key[2]: float(value) for key, value in values.items() if key[:2] == (name, "parameter")}
    for kind, item, parameter in spec["parameter"]:
        gradient = outputs.get((name, "variable", f"grad.{kind}.{item}.{parameter}"))
        if gradient is None:
            continue  # another entry stands for this shared array
        if spec["type"] == "hebbian":
            np.testing.assert_allclose(gradient, reference.correlation(name), rtol=1e-6, atol=1e-9)
        else:
            check_slopes(name, reference.owner(item, parameter), gradient, reference)
        memory = (0.0, np.zeros(gradient.shape), np.zeros(gradient.shape))
        increment, _ = numerics_reference.optimized(spec.get("optimizer"), gradient, memory, rates)
        np.testing.assert_allclose(outputs[name, "update", f"{item}.{parameter}"], increment, rtol=1e-6, atol=1e-9)


def check_slopes(name, owner, gradient, reference):
    """The gradient at two elements of a parameter's array."""
    places = np.random.default_rng(0).permutation(gradient.size)[:2]
    for place in (np.unravel_index(int(flat), gradient.shape) for flat in places):
        slope = reference.slope(name, (owner[0], "parameter", owner[1]), place)
        if slope is not None:
            scale = max(0.1, float(np.abs(gradient).max()))
            np.testing.assert_allclose(gradient[place], slope, rtol=1e-3, atol=1e-5 * scale)


@some(25)
@given(graphs(), st.randoms(use_true_random=False))
def test_a_partition_of_a_random_graph_changes_no_bit(graph, random):
    """Law 3, on numpy."""
    net = network(graph)
    values = start(net)
    names = [*net.neuron_pools, *net.plasticities]
    whole = computed(net, values, backend="numpy")
    random.shuffle(names)
    cut = random.randrange(len(names) + 1)
    for items in (names[:cut], names[cut:]):
        for key, value in computed(net, values, items, backend="numpy").items():
            assert value.tobytes() == whole[key].tobytes(), key


def test_several_steps_of_each_optimizer():
    gradients = np.random.default_rng(4).standard_normal((5, 3))
    for kind, rates in {
        "grad_desc": {"lr": 0.5},
        "adam": {"lr": 0.1, "momentum": 0.8, "decay": 0.95},
        "rmsprop": {"lr": 0.1, "rho": 0.7},
    }.items():
        memory = wanted_memory = None
        for gradient in gradients:
            found, memory = optimizer_step(kind, gradient, memory, rates)
            wanted, wanted_memory = numerics_reference.optimized(
                kind, gradient, wanted_memory or (0.0, np.zeros(3), np.zeros(3)), rates
            )
            np.testing.assert_allclose(found, wanted, rtol=1e-12)


def optimizer_step(kind, gradient, memory, rates):
    """(increment, new memory) in double precision."""
    from statestream.numerics.optimizers import OPTIMIZERS

    optimizer = OPTIMIZERS[kind]
    counters, moments = dict.fromkeys(optimizer.counters, ()), dict.fromkeys(optimizer.moments, gradient.shape)
    memory = memory or {name: np.zeros(shape) for name, shape in (counters | moments).items()}
    arrays = {"gradient": gradient, **memory, **{name: np.array(rate) for name, rate in rates.items()}}

    def function(ops, symbols):
        variables = {name: symbols[name] for name in memory}
        increment, following = optimizer.step(
            ops, symbols["gradient"], variables, {name: symbols[name] for name in rates}
        )
        return {"increment": increment, **following}

    found = Engine(dtype=np.float64).build(function, {name: array.shape for name, array in arrays.items()})(arrays)
    return found.pop("increment"), found


# --- the engines ----------------------------------------------------------------------------------------------------


@functools.cache
def compared():
    """Random networks with their values, in single and double precision by numpy."""
    found = []

    @some(6)
    @given(graphs())
    def collect(graph):
        net = network(graph)
        values = start(net)
        found.append((net, values, computed(net, values, backend="numpy"), computed(net, values)))

    collect()
    return found


@pytest.mark.conformance
@pytest.mark.parametrize("backend", OTHERS)
def test_engines_agree_on_random_graphs(backend):
    """Law 6; where numpy itself loses digits (a deviation of nearly 0 is divided by), another engine may too."""
    for net, values, single, double in compared():
        found = {}
        with allowing_gaps(engine(backend)):
            found = computed(net, values, backend=backend)
        for key, wanted in double.items() if found else ():
            scale = float(np.abs(wanted).max(initial=0))
            lost = 20 * float(np.abs(single[key] - wanted).max(initial=0))
            limit = 1e-5 * max(1, scale) if key[1] == "state" else 1e-4 * max(1e-3, scale)
            # adam and rmsprop divide rounding errors by their own size; what grad_desc makes of a gradient is bounded
            if key[1] != "update" or net.items[key[0]].get("optimizer") == "grad_desc":
                np.testing.assert_allclose(found[key], wanted, rtol=0, atol=limit + lost, err_msg=str(key))
