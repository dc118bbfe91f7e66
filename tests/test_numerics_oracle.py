"""The numbers that the original toolbox really computed (tests/oracle/README.md)."""

from __future__ import annotations

import numpy as np
import pytest

from conformance import BACKENDS
from numerics_networks import ORACLE_CASES, compiled, compute, oracle_case, start, state

pytestmark = pytest.mark.conformance


def close(found, expected, absolute, relative):
    """Within the tolerance; `relative` to the array's largest magnitude."""
    scale = float(np.abs(expected).max(initial=0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=absolute + relative * scale)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", ORACLE_CASES)
def test_three_frames_of_states(oracle, case, backend):
    net, numbers, values = oracle_case(oracle, case)
    run = compiled(net, tuple(net.neuron_pools), backend)
    for frame in (1, 2, 3):
        outputs = run(values)
        for pool in net.neuron_pools:
            np.testing.assert_allclose(state(outputs, pool), numbers[f"out{frame}/{pool}"], rtol=1e-5, atol=1e-5)
            values[pool, "state", ""] = state(outputs, pool)


OPTIMIZERS = {
    "plast": {},
    "plast_grad_desc": {"optimizer": "grad_desc", "lr": 1e-2},
    "plast_rmsprop": {"optimizer": "rmsprop", "lr": 1e-3, "rho": 0.9},
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("case", ["feedforward", "language", "learning"])
def test_losses_gradients_and_updates(oracle, case, kind, backend):
    net, numbers, values = oracle_case(oracle, case)
    if OPTIMIZERS[kind]:
        settings = {f"{name}.{key}": value for name in net.plasticities for key, value in OPTIMIZERS[kind].items()}
        net = net.replace(settings=settings)
        values |= {key: value for key, value in start(net).items() if key[0] in net.plasticities}
    outputs = compute(net, values, tuple(net.plasticities), backend=backend)
    checked = 0
    for key, expected in numbers.items():
        group, _, rest = key.partition("/")
        if group != kind:
            continue
        name, what, *parameter = rest.split("/")
        if what == "loss":
            np.testing.assert_allclose(outputs[name, "variable", "loss1"], expected[0], rtol=1e-5, atol=1e-5)
        elif what == "update":
            close(outputs[name, "update", ".".join(parameter)], expected, 1e-6, 1e-3)
        else:
            section = "np" if parameter[0] in net.neuron_pools else "sp"
            close(outputs[name, "variable", f"grad.{section}.{'.'.join(parameter)}"], expected, 1e-6, 1e-3)
        checked += 1
    assert checked >= 3 * len(net.plasticities)
