"""What the tests of examples share: states of whole frames, and arrays without their empty axes."""

from __future__ import annotations

import numpy as np

from numerics_reference import convolution

SHAPES = ("full", "feature", "spatial", "scalar")


def states(session):
    """Name of each neuron-pool -> its state [agents, F, X, Y] in float64, all of one frame."""
    with session.frame_view() as view:
        return {name: view[name].state.astype(np.float64) for name in session.network.neuron_pools}


def around(session, frames=3):
    """The states after some frames, and those one frame later: what is computed from them."""
    session.step(frames)
    before = states(session)
    session.step()
    return before, states(session)


def close(found, wanted, tolerance=1e-5):
    """Equal up to rounding, for wanted values of any size; what is smaller is repeated."""
    wanted = np.broadcast_to(np.asarray(wanted, np.float64), np.shape(found))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * max(1.0, float(np.abs(wanted).max())))


def parameter(session, item, name="W_0_0"):
    """A parameter in float64."""
    return np.asarray(session[item].parameter[name], np.float64)


def dense(x, w):
    """The flattened state [agents, n] through a weight [m, ...]: [agents, m, 1, 1]."""
    return (x.reshape(len(x), -1) @ w.reshape(len(w), -1).T)[:, :, None, None]


def shared_mean(pattern, shape):
    """What a parameter of a shape can reproduce best of a pattern [F, X, Y]."""
    axes = {"full": (), "feature": (1, 2), "spatial": (0,), "scalar": (0, 1, 2)}[shape]
    return pattern.mean(axis=axes, keepdims=True)


def losses(session, plasticity, frames, every=1):
    """The training loss of a plasticity, once in `every` frames."""
    found = []
    for _ in range(0, frames, every):
        session.step(every)
        found.append(session[plasticity].variable["loss1"])
    return np.array(found)


__all__ = ["SHAPES", "around", "close", "convolution", "dense", "losses", "parameter", "shared_mean", "states"]
