"""Every backend, every operation: values and gradients against the numpy reference.

A case (backends_cases.py) is a function of one or more arrays. Law 6: states within 1e-5, gradients within 1e-4 of an
array's largest magnitude. The reference itself is compared with differences in test_backends_numpy.py. All cases of one
group are compiled together, since compiling costs seconds.
"""

from __future__ import annotations

import functools
import importlib.util

import numpy as np
import pytest

import backends_cases
from statestream import backends

ENGINES = {"tensorflow": "tensorflow", "theano": "pytensor"}
MISSING = {name for name, module in ENGINES.items() if importlib.util.find_spec(module) is None}
OTHERS = [
    pytest.param(name, marks=[pytest.mark.skipif(name in MISSING, reason="engine not installed"), pytest.mark.slow])
    for name in backends.NAMES
    if name != "numpy"
]


@functools.cache
def engine(name, threads=2):
    return backends.load(name, threads=threads)


@functools.cache
def results(name, group):
    """All values and gradients of a group's cases on one engine: {(case, part): array}."""
    compiled = engine(name).compile(
        lambda ops, symbols: backends_cases.evaluate(ops, group, symbols), backends_cases.shapes(group)
    )
    return compiled(backends_cases.arrays(group))


def largest_difference(found, wanted):
    scale = max(float(np.max(np.abs(wanted), initial=0)), 1e-3)
    return float(np.max(np.abs(found - wanted), initial=0)) / scale


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("group, case", [pytest.param(*key, id="-".join(key)) for key in backends_cases.NAMES])
def test_values_and_gradients_agree_with_numpy(name, group, case):
    wanted, found = results("numpy", group), results(name, group)
    parts = [part for key, part in wanted if key == case]
    assert parts
    for part in parts:
        one, other = wanted[case, part], found[case, part]
        assert other.shape == one.shape and other.dtype == np.float32
        assert np.isfinite(one).all()
        limit = 1e-5 if part == "value" else 1e-4
        assert largest_difference(other, one) <= limit, f"{part} differs"
