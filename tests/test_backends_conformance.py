"""Every backend, every operation: values and gradients against the numpy reference, and what a backend may lack.

A case (backends_cases.py) is a function of one or more arrays. All cases of one group are compiled together, since
compiling costs seconds. The reference itself is compared with differences in test_backends_numpy.py.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest

import backends_cases
import statestream as sst
from conformance import BACKENDS, allowing_gaps, disagreement, engine, faults_of_gaps, results_of
from nets import COUNTER, changed
from numerics_networks import loss, network
from sabotage import sabotage
from statestream.backends import UnsupportedOperation
from statestream.backends.numpy import Engine
from statestream.numerics.errors import UnsupportedError
from statestream.numerics.step import Step

pytestmark = pytest.mark.conformance


@functools.cache
def results(backend, group):
    return results_of(engine(backend), group)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("group, case", [pytest.param(*key, id="-".join(key)) for key in backends_cases.NAMES])
def test_values_and_gradients_agree_with_numpy(backend, group, case):
    assert not disagreement(case, results(backend, group), results("numpy", group))


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_backend_lacks_has_a_reason_and_is_refused(backend):
    assert faults_of_gaps(engine(backend)) == []


# --- the suite itself, by backends made for it ----------------------------------------------------------------------


class Lacking(Engine):
    name = "lacking"
    unsupported = {"erf": "there is no table of it"}  # noqa: RUF012


class Wrong(Engine):
    """Its tanh has the right values and a wrong gradient, its exp is a little off."""

    name = "wrong"

    def build(self, function, inputs):
        def spoilt(ops, symbols):
            tanh, exp = ops.tanh, ops.exp
            ops.tanh = lambda x: ops.stop_gradient(tanh(x) - x) + x
            ops.exp = lambda x: exp(x) * 1.0001
            return function(ops, symbols)

        return super().build(spoilt, inputs)


def failing(backend, group):
    found, wanted = results_of(backend, group), results("numpy", group)
    return {case for case in backends_cases.GROUPS[group] if disagreement(case, found, wanted)}


def test_a_backend_that_lists_a_gap_passes_and_is_excused_nothing_else():
    backend = Lacking()
    assert faults_of_gaps(backend) == []
    assert all(not failing(backend, group) for group in backends_cases.GROUPS)
    computed = {case for case, _ in results_of(backend, "elementwise")}
    assert set(backends_cases.ELEMENTWISE) - computed == {"erf"}


def test_a_backend_with_wrong_operations_fails():
    assert failing(Wrong(), "elementwise") == {"tanh", "exp"}
    assert "chain" in failing(Wrong(), "conv2d")


@pytest.mark.parametrize(
    ("gaps", "fault"),
    [
        ({"earf": "no such thing"}, "earf is no operation"),
        ({"erf": ""}, "erf has no reason"),
        ({"_call": "not for anybody"}, "_call is no operation"),
    ],
)
def test_gaps_that_are_not_well_declared_are_found(gaps, fault):
    assert faults_of_gaps(type("Careless", (Engine,), {"unsupported": gaps})()) == [fault]


def test_a_gap_that_is_not_refused_is_found():
    class Working(Lacking):
        def _with_gaps(self, function):
            return function

    assert faults_of_gaps(Working()) == ["erf is listed but works"]


def test_another_operations_gap_is_no_excuse():
    backend = Lacking()
    with pytest.raises(UnsupportedOperation), allowing_gaps(backend):
        raise UnsupportedOperation("exp", "other", "not there")


def test_a_gap_counts_for_operations_that_are_made_of_it():
    class NoProducts(Engine):
        unsupported = {"matmul": "it can only add"}  # noqa: RUF012

    with pytest.raises(UnsupportedOperation, match="backend numpy has no matmul: it can only add"):
        NoProducts().compile(lambda ops, s: {"y": ops.dense(s["x"], s["x"])}, {"x": (2, 2, 1, 1)})


POOLS = {"a": {"shape": [2, 1, 1]}, "b": {"shape": [2, 1, 1]}}


@pytest.mark.parametrize(
    ("pool", "synapse", "lacking", "message"),
    [
        ({"act": "erf"}, {}, "erf", r"b\.act: erf cannot be computed: backend \w+ has no erf: not there yet"),
        ({"act": "B.erf($) * 2"}, {}, "erf", r"b\.act: .* cannot be computed: .*backend \w+ has no erf: not there yet"),
        ({}, {"pact": [["erf"]]}, "erf", r"a_b\.pact: erf cannot be computed"),
        ({"batchnorm_std": "full"}, {}, "var", r"b\.backend: backend \w+ has no var: not there yet"),
        ({}, {"weight_fnc": [["exp"]]}, "exp", r"a_b\.backend: backend \w+ has no exp"),
        ({}, {}, "square", r"learn\.backend: backend \w+ has no square"),
    ],
)
def test_the_item_that_needs_what_is_lacking_is_named(pool, synapse, lacking, message):
    pools = {**POOLS, "b": {**POOLS["b"], **pool}}
    learn = loss("b", 1, "a_b", "MSE", target="a", target_t=0)
    net = network(pools, {"a_b": synapse}, {"learn": learn})
    step = Step(net, [*net.neuron_pools, *net.plasticities])
    backend = type("Gaps", (Engine,), {"unsupported": {lacking: "not there yet"}})()
    with pytest.raises(UnsupportedError, match=message):
        backend.compile(step.function, step.shapes)


def test_a_session_that_needs_what_is_lacking_does_not_start(tmp_path, monkeypatch):
    sabotage(tmp_path, monkeypatch, "worker", "backends.numpy", "Engine.unsupported = {'erf': 'no table of it'}")
    with pytest.raises(sst.SessionError, match=r"behind\.act: erf cannot be computed: backend numpy has no erf"):
        sst.Session(changed(COUNTER, behind={"act": "erf"}))
    with sst.Session(COUNTER) as session:
        session.step(2)
        np.testing.assert_array_equal(session["count"].state, 2)
