"""Start values from files of Keras and PyTorch: the same answers as theirs, and clear words where that cannot be."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file

import external_files as files
from conformance import engine
from external_files import (
    KINDS,
    SPACES,
    answer,
    header,
    numbers,
    one,
    one_kernel,
    reference,
    weights,
    write,
    write_legacy,
)
from numerics_networks import network
from statestream.external import ExternalModelError
from statestream.external.layout import Place, keras, torch
from statestream.external.start_values import read
from statestream.numerics.initialisation import initial_value
from statestream.verification.local_run import LocalRun


@pytest.mark.proves("top.external_models", "np.init", "sp.init")
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_network_answers_as_the_model_it_was_taken_from(kind: str, space: tuple[int, int], tmp_path: Path) -> None:
    layers = weights(space)
    images = np.random.default_rng(1).normal(size=(4, *space, 2)).astype(np.float32)
    found = answer(write(kind, tmp_path, layers, space), images)
    np.testing.assert_allclose(found, reference(layers, images), atol=1e-6)
    assert np.ptp(found, 0).min() > 0.01  # the images make a difference


# --- one parameter ----------------------------------------------------------------------------------------------------


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    return one_kernel(tmp_path)


@pytest.mark.proves("sp.init")
def test_kernels_are_transposed_and_one_message_tells_of_each(kernel: Path) -> None:
    (taken,) = one(kernel, ["conv", "conv/kernel:0"], rf=3).values()
    np.testing.assert_array_equal(taken.value, numbers(3, 3, 4, 6).transpose(3, 2, 0, 1))
    assert taken.message == "a_t.W_0_0: from model m, conv conv/kernel:0, [3, 3, 4, 6] -> [6, 4, 3, 3]"


def test_values_are_clipped_to_the_bounds(kernel: Path) -> None:
    (taken,) = one(kernel, ["conv", "kernel"], rf=3, **{"min W_0_0": 2, "max W_0_0": 9.5}).values()
    assert taken.value.min() == 2 and taken.value.max() == 9.5
    assert taken.message.endswith("-> [6, 4, 3, 3], clipped to the parameter's bounds")


def test_every_agent_gets_the_values_of_an_unshared_parameter(kernel: Path) -> None:
    (taken,) = one(kernel, ["conv", "kernel"], rf=3, unshare=["W_0_0"]).values()
    assert taken.value.shape == (3, 6, 4, 3, 3)
    assert (taken.value == numbers(3, 3, 4, 6).transpose(3, 2, 0, 1)).all()


@pytest.mark.proves("sp.init", "np.init")
def test_all_array_parameters_can_be_taken(tmp_path: Path) -> None:
    path = tmp_path / "all.h5"
    arrays = {
        "P": numbers(4, 5), "W": numbers(3, 3, 5, 8), "M": numbers(1, 1, 8, 6), "b_f": numbers(8), "b": numbers(6),
        "g": numbers(3, 2, 6),
    }  # fmt: skip
    write_legacy(path, {"all": arrays})
    init = {name: ["m", "all", key] for name, key in (("P_0_0", "P"), ("W_0_0", "W"), ("M", "M"), ("b_0", "b_f"))}
    pool = {"shape": [6, 3, 2], "gain_shape": "full", "bias_shape": "full"}
    net = network(
        {"a": {"shape": [4, 3, 2]}, "t": {**pool, "init b": ["m", "all", "b"], "init g": ["m", "all", "g"]}},
        {"a_t": {"rf": 3, "ppp": [[5]], "M": [8, 1], "bias_shapes": ["feature"]}
         | {f"init {name}": value for name, value in init.items()}},
        external_models={"m": {"type": "keras", "model_file": str(path)}},
    )  # fmt: skip
    values = {key[2]: taken.value for key, taken in read(net).items()}
    np.testing.assert_array_equal(values["P_0_0"], arrays["P"].T[:, :, None, None])
    np.testing.assert_array_equal(values["W_0_0"], arrays["W"].transpose(3, 2, 0, 1))
    np.testing.assert_array_equal(values["M"], arrays["M"].transpose(3, 2, 0, 1))
    np.testing.assert_array_equal(values["b_0"], arrays["b_f"])
    np.testing.assert_array_equal(values["b"], np.broadcast_to(arrays["b"][:, None, None], (6, 3, 2)))
    np.testing.assert_array_equal(values["g"], arrays["g"].transpose(2, 0, 1))


def test_everything_else_starts_as_the_seed_says(kernel: Path) -> None:
    plain = network({"a": {"shape": [4, 3, 2]}, "t": {"shape": [6, 3, 2]}}, {"a_t": {"rf": 3}, "t_a": {"rf": 3}})
    taking = network(
        {"a": {"shape": [4, 3, 2]}, "t": {"shape": [6, 3, 2]}},
        {"a_t": {"rf": 3, "init W_0_0": ["m", "conv", "kernel"]}, "t_a": {"rf": 3}},
        external_models={"m": {"type": "keras", "model_file": str(kernel)}},
    )
    key = ("a_t", "parameter", "W_0_0")
    runs = [LocalRun(net, 5, engine("numpy")) for net in (plain, taking)]
    ours, theirs = ({key: run.arena.committed(key) for key in run.arena.layout.by_key} for run in runs)
    assert ours.keys() == theirs.keys()
    assert [one for one in ours if not np.array_equal(ours[one], theirs[one])] == [key]
    np.testing.assert_array_equal(initial_value(taking, key, 5), ours[key])


# --- layouts ----------------------------------------------------------------------------------------------------------


def shapes(forms: list[Any]) -> list[tuple[int, ...]]:
    return [form.shape for form in forms]


def test_what_may_fill_a_weight() -> None:
    dense = Place((5, 4, 3, 2), 0, weight=True, covering=True)
    assert shapes(keras(dense)) == [(3, 2, 4, 5), (24, 5)]
    assert shapes(torch(dense)) == [(5, 4, 3, 2), (5, 24)]
    convolution = Place((5, 4, 3, 1), 7, weight=True, covering=False)
    assert shapes(keras(convolution)) == [(3, 1, 4, 5), (3, 4, 5)]
    assert shapes(torch(convolution)) == [(7, 5, 4, 3, 1), (5, 4, 3, 1), (5, 4, 3)]


def test_what_may_fill_a_bias() -> None:
    def places(*shape: int) -> Place:
        return Place(shape, 0, weight=False, covering=False)

    assert shapes(keras(places(5, 3, 2))) == [(5,), (3, 2, 5)]
    assert shapes(torch(places(5, 3, 2))) == [(5,), (5, 3, 2)]
    for layout in (keras, torch):
        assert shapes(layout(places(5))) == [(5,)]
        assert shapes(layout(places(3, 2))) == [(3, 2)]
        assert shapes(layout(places(1))) == [(1,), ()]


@pytest.mark.parametrize("layout", [keras, torch])
def test_no_shape_has_two_meanings(layout: Any) -> None:
    for shape in ((1, 1, 1, 1), (2, 2, 2, 2), (1, 2, 2, 1), (1, 1, 1), (2, 2, 2), (2, 2), (1, 1), (2,), (1,)):
        for copies in (0, 1, 2):
            for covering in (False, True):
                found = shapes(layout(Place(shape, copies, weight=len(shape) == 4, covering=covering)))
                assert len({len(each) for each in found}) == len(found)


def test_a_square_matrix_is_transposed_by_its_format(tmp_path: Path) -> None:
    square = numbers(4, 4)
    write_legacy(tmp_path / "s.h5", {"d": {"kernel": square}})
    save_file({"d.weight": square}, tmp_path / "s.safetensors")
    for file, parameter, expected in (("s.h5", "kernel", square.T), ("s.safetensors", "weight", square)):
        (taken,) = one(tmp_path / file, ["d", parameter], pool={"shape": [4, 3, 2]}, rf=1).values()
        np.testing.assert_array_equal(taken.value[:, :, 0, 0], expected)


# --- names ------------------------------------------------------------------------------------------------------------


def problem(path: Path, init: list[str], **synapse: Any) -> str:
    with pytest.raises(ExternalModelError) as found:
        one(path, init, **{"rf": 3, **synapse})
    (text,) = found.value.problems
    assert text.startswith("a_t.init W_0_0: external model m, ")
    assert str(path) in text
    return text


@pytest.mark.parametrize(
    ("init", "words"),
    [
        (["conf", "kernel"], ["no layer 'conf'", "did you mean 'conv'"]),
        (["", "kernel"], ["no layer ''", "known: conv"]),
        (["conv", "weight"], ["no array 'weight'", "conv/kernel:0", "conv/bias:0"]),
        (["conv", "../conv/kernel"], ["no array"]),
        (["conv", "bias"], ["has the shape [6]", "for [6, 4, 3, 3], needed is [3, 3, 4, 6] ([kx, ky, in, out])"]),
    ],
)
def test_what_is_not_there_or_does_not_fit(init: list[str], words: list[str], kernel: Path) -> None:
    text = problem(kernel, init)
    assert all(word in text for word in words), text


def test_a_fully_connected_layer_fills_only_what_covers_its_source(tmp_path: Path) -> None:
    write_legacy(tmp_path / "d.h5", {"d": {"kernel": numbers(36, 6)}})
    assert "[36, 6]" in problem(tmp_path / "d.h5", ["d", "kernel"])  # 3 x 3 x 4 would be as many
    write_legacy(tmp_path / "e.h5", {"d": {"kernel": numbers(24, 6)}})
    (taken,) = one(tmp_path / "e.h5", ["d", "kernel"]).values()
    np.testing.assert_array_equal(taken.value, numbers(3, 2, 4, 6).transpose(3, 2, 0, 1))


def test_short_names_must_fit_one_array(tmp_path: Path) -> None:
    path = tmp_path / "n.h5"
    with h5py.File(path, "w") as file:
        file["model_weights/encoder/one/kernel:0"] = numbers(3, 3, 4, 6)
        file["model_weights/encoder/two/kernel:0"] = numbers(3, 3, 4, 6)
        file["model_weights/block/conv/kernel:0"] = numbers(3, 3, 4, 6)
    assert "several arrays of 'encoder' fit 'kernel': one/kernel:0, two/kernel:0" in problem(
        path, ["encoder", "kernel"]
    )
    for name in ("two/kernel", "two/kernel:0"):
        assert one(path, ["encoder", name], rf=3)
    assert one(path, ["block/conv", "kernel:0"], rf=3)


def test_layers_of_other_classes_are_refused(tmp_path: Path) -> None:
    for kind in ("Embedding", "Conv2DTranspose", "LSTM"):
        for file in ("a.h5", "a.keras"):
            writer = files.write_archive if file.endswith("keras") else write_legacy
            writer(tmp_path / file, {"layer": {"kernel": numbers(3, 3, 4, 6)}}, {"layer": kind})
            text = problem(tmp_path / file, ["layer", "kernel"])
            assert f"class {kind}" in text and "Dense, Conv1D, Conv2D, DepthwiseConv2D, BatchNorm" in text


def test_depthwise_kernels_where_a_weight_has_their_shape(tmp_path: Path) -> None:
    path = tmp_path / "w.h5"
    write_legacy(path, {"dw": {"depthwise_kernel": numbers(3, 3, 4, 1)}}, {"dw": "DepthwiseConv2D"})
    (taken,) = one(path, ["dw", "depthwise_kernel"], rf=3, weight_shapes=[["src_spatial"]]).values()
    np.testing.assert_array_equal(taken.value, numbers(3, 3, 4, 1).transpose(3, 2, 0, 1))
    assert "has the shape [3, 3, 4, 1]" in problem(path, ["dw", "depthwise_kernel"])


def normal(path: Path, parameter: str, layer: str = "norm") -> np.ndarray:
    net = network(
        {"a": {"shape": [3, 1, 1], "gain_shape": "feature", "init g": ["m", layer, parameter]}},
        external_models={"m": {"type": "keras", "model_file": str(path)}},
    )
    return read(net)["a", "parameter", "g"].value


def test_arrays_of_keras_3_are_found_by_the_class_of_the_layer(tmp_path: Path) -> None:
    path, four = tmp_path / "n.weights.h5", {str(i): numbers(3) + 10 * i for i in range(4)}
    files.write_keras3(path, {"norm": four}, {"norm": "BatchNormalization"})
    for position, name in enumerate(("gamma", "beta", "moving_mean", "moving_variance")):
        np.testing.assert_array_equal(normal(path, name), numbers(3) + 10 * position)
    np.testing.assert_array_equal(normal(path, "gamma", "layers/batch_normalization"), numbers(3))
    files.write_keras3(path, {"norm": dict(list(four.items())[:3])}, {"norm": "BatchNormalization"})
    with pytest.raises(ExternalModelError, match=r"'norm' has 3 arrays; which of gamma, beta, .* cannot be told"):
        normal(path, "gamma")


def test_the_configuration_tells_which_arrays_a_layer_has(tmp_path: Path) -> None:
    path = tmp_path / "n.keras"
    arrays = {"beta": numbers(3), "mean": numbers(3) + 10, "variance": numbers(3) + 20}
    files.write_archive(path, {"norm": arrays}, {"norm": "BatchNormalization"})
    with zipfile.ZipFile(path) as archive:
        data = archive.read("model.weights.h5")
    with zipfile.ZipFile(path, "w") as archive:
        layer = {"class_name": "BatchNormalization", "config": {"name": "norm", "scale": False}}
        archive.writestr("config.json", json.dumps({"config": {"layers": [layer]}}))
        archive.writestr("model.weights.h5", data)
    np.testing.assert_array_equal(normal(path, "moving_mean"), numbers(3) + 10)
    with pytest.raises(ExternalModelError, match="'norm' has no array 'gamma'; it has: beta, moving_mean"):
        normal(path, "gamma")


def test_layers_of_models_within_models_and_layers_without_names(tmp_path: Path) -> None:
    path = tmp_path / "n.weights.h5"
    with h5py.File(path, "w") as file:
        for position, group in enumerate(("layers/functional/layers/conv2d", "layers/functional_1/layers/conv2d")):
            file[f"{group}/vars/0"] = numbers(3, 3, 4, 6) + position
            file[f"{group}/vars"].attrs["name"] = "conv"
        file.create_group("layers/functional/vars").attrs["name"] = "encoder"
        file["layers/conv2d_7/vars/0"] = numbers(3, 3, 4, 6) + 2
    assert "several layers are called 'conv'" in problem(path, ["conv", "kernel"])
    for position, layer in enumerate(("encoder/conv", "functional_1/conv", "conv2d_7")):
        (taken,) = one(path, [layer, "kernel:0"], rf=3).values()
        assert taken.value.min() == position


# --- safetensors ------------------------------------------------------------------------------------------------------


def test_names_and_types_of_safetensors(tmp_path: Path) -> None:
    path, values = tmp_path / "t.safetensors", numbers(6, 4, 3, 3)
    save_file({"net.conv.weight": values, "half": values.astype(np.float16), "wide": values.astype(float)}, path)
    for init in (["net.conv", "weight"], ["", "net.conv.weight"], ["", "half"], ["", "wide"]):
        (taken,) = one(path, init, rf=3).values()
        np.testing.assert_array_equal(taken.value, values)
        assert taken.value.dtype == np.float32
    assert "did you mean 'net.conv.weight'" in problem(path, ["net.conv", "weights"])
    save_file(
        {"whole": values.astype(np.int32), "nan": values * np.float32("nan"), "huge": values * np.float64(1e300)}, path
    )
    assert "whole holds I32; floats" in problem(path, ["", "whole"])
    assert "nan holds values that are not finite" in problem(path, ["", "nan"])
    assert "huge holds values that are not finite" in problem(path, ["", "huge"])


def test_bfloat16(tmp_path: Path) -> None:
    values = numbers(6, 4, 3, 3) - 100  # whole numbers this small are exact
    data = (values.view("<u4") >> 16).astype("<u2").tobytes()
    entry = {"dtype": "BF16", "shape": [6, 4, 3, 3], "data_offsets": [0, len(data)]}
    (taken,) = one(header(tmp_path / "b.safetensors", {"w": entry}, data), ["", "w"], rf=3).values()
    np.testing.assert_array_equal(taken.value, values)


def test_arrays_of_our_own_with_agents(tmp_path: Path) -> None:
    path, values = tmp_path / "o.safetensors", numbers(3, 6, 4, 3, 3)
    save_file({"W": values}, path)
    (taken,) = one(path, ["", "W"], rf=3, unshare=["W_0_0"]).values()
    np.testing.assert_array_equal(taken.value, values)


# --- files that are wrong ---------------------------------------------------------------------------------------------


def test_all_problems_are_told_at_once(kernel: Path, tmp_path: Path) -> None:
    models = {"m": kernel.name, "gone": "gone.h5", "unused": "unused.h5"}
    net = network(
        {"a": {"shape": [4, 3, 2], "init b": ["gone", "x", "bias"]}, "t": {"shape": [6, 3, 2]}},
        {"a_t": {"rf": 3, "init W_0_0": ["m", "x", "kernel"]}, "t_a": {"rf": 3, "init W_0_0": ["gone", "x", "kernel"]}},
        external_models={name: {"type": "keras", "model_file": str(tmp_path / file)} for name, file in models.items()},
    )
    with pytest.raises(ExternalModelError) as found:
        read(net)
    first, second = found.value.problems
    assert re.match(r"a\.init b, t_a\.init W_0_0: external model gone, .*gone\.h5: the file does not exist", first)
    assert re.match(r"a_t\.init W_0_0: external model m, .*one\.h5: there is no layer 'x'", second)


def test_files_are_looked_for_beside_the_graph_and_then_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from statestream.catalogue import default_catalogue
    from statestream.graph import load_graph

    here, there = tmp_path / "here", tmp_path / "there"
    for folder, number in ((here, 1), (there, 2)):
        folder.mkdir()
        write_legacy(folder / "m.h5", {"d": {"bias": numbers(2) + number}})
    monkeypatch.chdir(here)
    (there / "n.st_graph").write_text(
        "name: n\nagents: 1\nneuron_pools: {a: {shape: [2, 1, 1], init b: [m, d, bias]}}\n"
        "synapse_pools: {}\nplasticities: {}\ninterfaces: {}\n"
        "external_models: {m: {type: keras, model_file: m.h5}}\n"
    )
    net = load_graph(there / "n.st_graph", catalogue=default_catalogue())
    for number in (2, 1):
        (taken,) = read(net).values()
        np.testing.assert_array_equal(taken.value, numbers(2) + number)
        (there / "m.h5").unlink(missing_ok=True)
    (here / "m.h5").unlink()
    with pytest.raises(ExternalModelError, match=f"looked for {there / 'm.h5'} and {here / 'm.h5'}"):
        read(net)
