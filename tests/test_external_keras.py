"""Files that Keras itself wrote: our network answers as Keras' model does, for every kind of file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from external_files import SPACES, answer

pytestmark = pytest.mark.slow


def model(keras: Any, space: tuple[int, int], wrapped: bool) -> Any:
    """The CNN of external_files.py in Keras; wrapped: its convolutions lie in a model of their own."""
    layers = keras.layers
    convolutions = [
        layers.Conv2D(3, 3, padding="same", activation="relu", name="first"),
        layers.ZeroPadding2D(((1, 0), (1, 0))),  # our rule for strides: kernel // 2 before
        layers.Conv2D(4, 3, strides=2, activation="tanh", name="second"),
    ]
    rest = [layers.Flatten(), layers.Dense(5, activation="relu", name="third")]
    rest.append(layers.Dense(3, activation="softmax", name="fourth"))
    start = keras.Input((*space, 2))
    if wrapped:
        inner = keras.Sequential([keras.Input((*space, 2)), *convolutions], name="encoder")
        result = inner(start)
        for layer in rest:
            result = layer(result)
        return keras.Model(start, result)
    return keras.Sequential([start, *convolutions, *rest])


def save(keras: Any, net: Any, path: Path) -> None:
    """In the kind that the file's name says."""
    if path.name == "only.h5":
        import h5py
        from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

        with h5py.File(path, "w") as file:
            save_weights_to_hdf5_group(file, net)
    elif path.name.endswith(".weights.h5"):
        net.save_weights(path)
    else:
        net.save(path)


@pytest.mark.proves("top.external_models", "np.init", "sp.init")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:You are saving your model as an HDF5")
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("space", SPACES)
def test_a_network_answers_as_keras(space: tuple[int, int], wrapped: bool, tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(4)
    net = model(keras, space, wrapped)
    for array in net.weights:  # biases would all be 0
        array.assign(array + np.random.default_rng(array.shape[-1]).normal(0, 0.3, array.shape))
    images = np.random.default_rng(1).normal(size=(4, *space, 2)).astype(np.float32)
    expected = net(images).numpy()
    assert np.ptp(expected, 0).min() > 0.01
    for name in ("m.h5", "only.h5", "m.weights.h5", "m.keras"):
        save(keras, net, tmp_path / name)
        names = dict.fromkeys(("first", "second"), "encoder") if wrapped and name in ("m.h5", "only.h5") else {}
        if names:  # a model within a model is one layer there
            names = {layer: f"encoder/encoder/{layer}" for layer in names}
        np.testing.assert_allclose(answer(tmp_path / name, images, names), expected, atol=1e-5, err_msg=name)
