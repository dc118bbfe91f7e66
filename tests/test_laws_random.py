"""Laws 3, 4 and 6 on random small graphs over several frames: partitions, seeds, engines, and real sessions."""

from __future__ import annotations

import functools
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import BACKENDS, OTHERS, allowing_gaps, engine
from engines import assert_equal_bits, everything, running
from frames_in_process import Frames, different
from numerics_graphs import graphs
from numerics_networks import start
from statestream.numerics.arrays import trained
from statestream.numerics.step import Step
from test_numerics_random import computed, given_to, network, some

pytestmark = pytest.mark.conformance
FRAMES = 6


def with_periods(graph, random):
    """The graph with some items that run in every second or third frame only."""
    for section in ("neuron_pools", "plasticities"):
        for spec in graph[section].values():
            spec["period"] = random.choice((1, 1, 2, 3))
            spec["period offset"] = random.randrange(spec["period"])
    return graph


def partition(net, workers, random):
    """The items of each worker; every one has some."""
    names = [*net.neuron_pools, *net.plasticities]
    random.shuffle(names)
    groups = [[names.pop()] for _ in range(min(workers, len(names)))]
    for name in names:
        random.choice(groups).append(name)
    return groups


@some(12)
@given(graphs(plasticities=3), st.randoms(use_true_random=False))
def test_any_partition_into_two_and_three_gives_the_same_bits(graph, random):
    """Law 3, with periods and parameters that several plasticities train."""
    net = network(with_periods(graph, random))
    wanted = Frames(net, split=1).advance(FRAMES).values
    for workers in (2, 3):
        assert not different(Frames(net, partition(net, workers, random), split=1).advance(FRAMES).values, wanted)


@functools.cache
def lively(examples=60, wanted=3):
    """Some (graph, its network, a random generator): noisy, learning, finite, and one parameter trained twice."""
    found = []

    @some(examples)
    @given(graphs(plasticities=3), st.randoms(use_true_random=False))
    def collect(graph, random):
        if len(found) < wanted:
            net = network(with_periods(graph, random))
            owners = [one.owner for name in net.plasticities for one in trained(net, name)]
            frames = Frames(net)
            drawn = any(step.draws for step in frames.steps)
            if drawn and len(set(owners)) < len(owners) and frames.advance(FRAMES).finite:
                found.append((net, random.randrange(10**6)))

    collect()
    assert len(found) == wanted
    return found


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_runs_of_one_seed_have_equal_bits(backend):
    """Law 4, on an engine compiled twice; another seed gives other numbers."""
    for net, _ in lively()[: 3 if backend == "numpy" else 1]:
        with allowing_gaps(engine(backend)):
            one, again, other = (Frames(net, backend=backend, seed=seed).advance(FRAMES) for seed in (5, 5, 6))
            assert not different(one.values, again.values)
            assert different(one.values, other.values)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_call_gives_equal_bits(backend):
    """Sums of several terms, whose buffers are free for the result sooner or later, have one order all the same."""
    net, _ = lively()[0]
    step = Step(net, [*net.neuron_pools, *net.plasticities])
    with allowing_gaps(engine(backend)):
        run = engine(backend).compile(step.function, step.shapes)
        arrays = given_to(step, start(net))
        calls = (run(arrays) for _ in range(10 if backend == "numpy" else 100))
        assert len({tuple(call[key].tobytes() for key in step.outputs) for call in calls}) == 1


@pytest.mark.parametrize("backend", OTHERS)
def test_a_partition_of_a_random_graph_changes_little_on_an_engine(backend):
    """Law 3: one frame from equal states differs by at most 1e-5 of an array's largest magnitude.

    More only where numpy itself loses digits, as where a gradient that is 0 by the formula is divided by its own size.
    """
    for net, number in lively()[:2]:
        values = start(net)
        single, double = computed(net, values, backend="numpy"), computed(net, values)
        with allowing_gaps(engine(backend)):
            whole = computed(net, values, backend=backend)
            for group in partition(net, 2, Random(number)):
                for key, value in computed(net, values, group, backend=backend).items():
                    lost = 20 * float(np.abs(single[key] - double[key]).max(initial=0))
                    limit = 1e-5 * max(1e-3, float(np.abs(whole[key]).max(initial=0))) + lost
                    np.testing.assert_allclose(value, whole[key], rtol=0, atol=limit, err_msg=str(key))


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("number", range(3))
def test_sessions_of_several_workers_compute_what_one_process_does(number, workers):
    """Laws 1 and 3: periods, noise and shared increments included, bit for bit."""
    net, seed = lively()[number]
    groups = partition(net, workers, Random(seed))
    devices = {f"{name}.device": f"cpu:{index}" for index, group in enumerate(groups) for name in group}
    wanted = Frames(net).advance(FRAMES)
    with running("numpy", net, seed=5, overrides=devices) as session:
        assert len(session.network.groups()) == len(groups)
        session.step(FRAMES)
        found = everything(session)
    assert_equal_bits({key: found[key] for key in wanted.values}, wanted.values)
