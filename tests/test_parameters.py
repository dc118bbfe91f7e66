"""Every key of the language that a frame depends on, on every backend, by the numbers (parameter_cases.py)."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from conformance import BACKENDS, allowing_gaps, engine
from parameter_cases import GROUPS, compiled_together
from parameter_cases_of_functions import BENT, OTHER_ARGUMENTS
from statestream.numerics.activations import ACTIVATIONS

CASES = [
    pytest.param(group, name, id=f"{group}-{name}", marks=pytest.mark.proves(*case.proves))
    for group, cases in GROUPS.items()
    for name, case in cases.items()
]
pytestmark = pytest.mark.conformance


@functools.cache
def results(backend, group):
    """{(case, key): array} of one frame."""
    function, shapes, arrays = compiled_together(group, lambda: allowing_gaps(engine(backend)))
    found = engine(backend).compile(function, shapes)(arrays)
    return {key: value.copy() for key, value in found.items()}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("group", "name"), CASES)
def test_by_the_formula(backend, group, name):
    found = {key: value for (case, key), value in results(backend, group).items() if case == name}
    if not found:
        return  # excused by `Engine.unsupported`
    for key, wanted in GROUPS[group][name].wanted().items():
        limit = 1e-5 if key[1] == "state" else 1e-4
        scale = max(1.0 if key[1] == "state" else 1e-2, float(np.abs(wanted).max()))
        assert found[key].shape == np.shape(wanted), key
        np.testing.assert_allclose(found[key], wanted, rtol=0, atol=limit * scale, err_msg=str(key))


def test_every_activation_with_arguments_is_tried_with_others():
    assert set(OTHER_ARGUMENTS) == set(BENT) == {name for name, each in ACTIVATIONS.items() if each.keywords}
    for name, arguments in OTHER_ARGUMENTS.items():
        assert set(arguments) == set(ACTIVATIONS[name].keywords)
        assert all(arguments[key] != default for key, default in ACTIVATIONS[name].keywords.items())


def test_no_case_holds_by_chance():
    """Every case foretells states that are not 0."""
    for cases in GROUPS.values():
        for name, case in cases.items():
            assert all(np.any(value) for key, value in case.wanted().items() if key[2] == ""), name
