"""Examples of the language, of time, devices and interfaces: each runs, and shows what its first lines say."""

from __future__ import annotations

import numpy as np
import pytest

import statestream as sst
from example_frames import around, close, convolution, dense, parameter, states

# --- the language ---


@pytest.mark.proves("top.tag_specs", "np.tags", "sp.tags", "np.noise_std")
def test_tag_spec(example):
    assert example.network.shape("plain") == example.network.shape("own") == (2, 3, 3)
    before, after = around(example)
    assert after["plain"].std() > 2 and after["own"].std() < 0.2 and after["own"].any()
    close(after["copied"], before["plain"])
    close(after["halved"], before["plain"] / 2)


@pytest.mark.proves("top.globals", "top.modules")
def test_globals(example):
    network = example.network
    assert network.shape("image") == (1, 8, 8) and network.shape("half") == (2, 4, 4)
    assert network.items["half"]["act"] == "tanh" and network.items["only_loss"]["lr"] == pytest.approx(0.2)
    assert parameter(example, "see").shape == (2, 1, 3, 3)
    before, after = around(example)
    close(after["goal"], np.tanh(convolution(before["image"], parameter(example, "teacher"), (2, 2))))
    example.step(150)
    close(parameter(example, "see"), parameter(example, "teacher"), 0.1)


@pytest.mark.proves("top.external_models", "sp.init")
def test_external_models(example):
    along_x = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], np.float32)
    np.testing.assert_array_equal(parameter(example, "look"), np.stack([along_x, along_x.T])[:, None])
    before, after = around(example, 6)
    close(after["edges"], np.abs(convolution(before["image"], parameter(example, "look"))))
    assert after["edges"][:, 0].max() > 1 and after["edges"][:, 1].max() > 1


@pytest.mark.proves("top.import", "top.modules", "top.globals")
def test_import(example):
    pools = example.network.neuron_pools
    assert set(pools) == {
        "now", "field", "ago_1", "ago_2", "ago_3", "small_a", "small_b", "small_c", "mouth", "ear",
    }  # fmt: skip
    assert set(example.network.synapse_pools) == {"wait_1", "wait_2", "wait_3", "small_a_b", "small_b_c", "small_c_a"}
    assert pools["now"]["shape"] == (2, 2, 2) and pools["field"]["shape"] == (1, 8, 8)
    before, after = around(example)
    assert before["now"].min() >= 3 and before["now"].max() <= 4
    close(after["ago_1"], before["now"], 0)


@pytest.mark.proves("top.modules", "sp.act", "sp.pact", "sp.bias_shapes")
def test_module(example):
    network = example.network
    assert network.shape("first_cell") == (4, 1, 1) and network.shape("second_out") == (2, 1, 1)
    assert network.items["second_write"]["source"] == (("first_out", "second_out"), ("first_out", "second_out"))
    example["round_a"].state = np.arange(8).reshape(4, 2, 1, 1)
    before, after = around(example, 5)

    def arrived(item, factor, sources):
        return sum(dense(before[s], parameter(example, item, f"W_{factor}_{i}")) for i, s in enumerate(sources))

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    for name, source in (("first", "input"), ("second", "first_out")):
        both = (source, f"{name}_out")
        written = np.tanh(arrived(f"{name}_write", 0, both)) * sigmoid(arrived(f"{name}_write", 1, both))
        kept = before[f"{name}_cell"] * sigmoid(arrived(f"{name}_keep", 1, both) + 1)
        close(after[f"{name}_cell"], written + kept)
        shown = np.tanh(before[f"{name}_cell"]) * sigmoid(arrived(f"{name}_show", 1, both))
        close(after[f"{name}_out"], shown)
        assert np.abs(shown).min() > 0
    assert (after["round_a"] == np.arange(8).reshape(4, 2, 1, 1)).all()  # round twice in six frames
    assert not after["round_b"].any() and not after["round_c"].any()


@pytest.mark.proves("np.tags", "sp.tags", "np.device")
def test_tags(example):
    network = example.network
    assert network.filter(["#sender"]) == ["mouth", "air"] and network.filter(["#sender", "#face"]) == ["mouth"]
    assert network.filter(["!sender"]) == ["ear"] and network.filter(["#cpu:1"]) == ["ear"]
    before, after = around(example)
    close(after["ear"], before["mouth"], 0)


@pytest.mark.proves("top.random_seed")
def test_seeds(root):
    path = root / "examples" / "seeds.st_graph"
    found = []
    for seed in (None, 20, 7):
        with sst.Session(path, seed=seed, strict=True) as session:
            session.step(3)
            found.append(states(session))
    own, same, other = found
    assert all((own[name] == same[name]).all() and (own[name] != other[name]).any() for name in own)


def findings(root, name):
    """What a wrong example gives: (line, item, parameter) of each finding, and all messages."""
    with pytest.raises(sst.GraphError) as caught:
        sst.load_graph(root / "examples" / f"{name}.st_graph")
    return [(each.line, each.item, each.parameter) for each in caught.value.findings], str(caught.value)


def test_everything_wrong_empty(root):
    found, text = findings(root, "test_everything_wrong_empty")
    assert len(found) == 1 and "the file is empty: no dictionary" in text


def test_everything_wrong_nonsense(root):
    found, _ = findings(root, "test_everything_wrong_nonsense")
    sections = ["neuron_pools", "synapse_pools", "plasticities", "interfaces"]
    assert found == [(3, "", key) for key in ("name", "agents", *sections)]


def test_everything_wrong_mnist_small(root):
    found, text = findings(root, "test_everything_wrong_mnist_small")
    assert [(item, key) for _, item, key in found] == [
        ("hid-den", ""), ("hidden", "shape"), ("prediction", "act"), ("prediction", "bias_shape"), ("far", "device"),
        ("never", "period offset"), ("label", ""), ("lost", "source"), ("aimless", "target"), ("flat", "source"),
        ("wide", "rf"), ("learn", "loss_function"), ("learn", "target"), ("learn", "parameter"), ("learn", "parameter"),
        ("mnist", "in"), ("mnist", "source_file"), ("mnist", "remap"),
    ]  # fmt: skip
    lines = (root / "examples" / "test_everything_wrong_mnist_small.st_graph").read_text(encoding="utf-8").splitlines()
    for line, item, key in found:
        assert (key or item) in lines[line - 1] or f"{item}:" in lines[line - 1] or "- [" in lines[line - 1]
    for words in ("did you mean 'softmax'", "gpu:0", "known: image, label", "did you mean 'negloglikelihood'?"):
        assert words in text


# --- time and devices ---


@pytest.mark.proves("np.period", "np.period offset", "plast.period", "plast.period offset", "if.period")
def test_period(example):
    moved = {name: [] for name in ("image", "weight", "third", "fourth")}
    before, weight = states(example), parameter(example, "watch")
    for frame in range(24):
        example.step()
        after = states(example)
        for name in ("image", "third", "fourth"):
            if (after[name] != before[name]).any():
                moved[name].append(frame)
        if (parameter(example, "watch") != weight).any():
            moved["weight"].append(frame)
        before, weight = after, parameter(example, "watch")
        if frame == 11:
            assert {name: after[name].max() for name in ("every", "third", "fourth")} == {
                "every": 12, "third": 4, "fourth": 3,
            }  # fmt: skip
            assert all(np.ptp(after[name]) == 0 for name in ("every", "third", "fourth"))
    # Every sixth frame makes an image, which is in its pool a frame later; a numeral lasts for two of them.
    assert moved["image"][0] == 1 and set(moved["image"]) <= {1, 7, 13, 19} and len(moved["image"]) > 1
    assert moved["weight"] == [7, 12, 17, 22]
    assert moved["third"] == [*range(1, 24, 3)] and moved["fourth"] == [*range(0, 24, 4)]


@pytest.mark.proves("np.at start", "plast.at start", "if.at start")
def test_at_start(example):
    example.step(8)
    after = states(example)
    assert abs(after["running"].max() - 8) < 0.1 and not after["paused"].any() and not after["off"].any()
    assert example["learning"].update("running", "b") < 0
    assert (example["frozen"].update("running", "b") == 0).all()
    assert not after["image"].any()
    # As if the two that are not running were not there.
    assert abs(parameter(example, "running", "b") - (1 - 5e-4)) < 1e-5


@pytest.mark.proves("np.device", "plast.device", "np.backend")
def test_device_groups(example, root):
    assert [group.device for group in example.network.groups()] == ["cpu", "cpu:1", "cpu:2"]
    workers = [line for line in example.command("cstat").splitlines() if line.startswith("worker")]
    assert sorted(line[: line.index(")") + 1] for line in workers) == [
        "worker 0 (numpy, cpu)", "worker 1 (numpy, cpu:1)", "worker 2 (numpy, cpu:2)",
    ]  # fmt: skip
    example.step(12)
    alone = {"hidden.device": "cpu", "learn.device": "cpu"}
    path = root / "examples" / "device_groups.st_graph"
    with sst.Session(path, seed=1, overrides=alone) as other:
        assert len(other.network.groups()) == 1
        other.step(12)
        for name, state in states(example).items():
            assert (state == states(other)[name]).all() and state.any()
        for item, name in (("first", "W_0_0"), ("second", "W_0_0"), ("out", "b")):
            assert (parameter(example, item, name) == parameter(other, item, name)).all()


# --- interfaces ---


@pytest.mark.proves(
    "if.type", "if.in", "if.out", "roman_numerals.min_duration", "roman_numerals.max_duration", "roman_numerals.fading"
)
def test_interface_roman_numerals(example):
    images, labels = [], []
    for _ in range(40):
        example.step()
        now = states(example)
        images.append(now["rn_image"])
        labels.append(now["rn_label"][:, :, 0, 0])
    labels, images = np.array(labels[1:]), np.array(images[1:])
    assert (labels.sum(2) == 1).all() and (labels.mean((0, 1)) > 0).all()
    # Three colours; and different intensity by the frames since it began.
    assert (images[:, :, 0] != images[:, :, 1]).any() and images.min() >= 0 and images.max() <= 1
    change = [np.flatnonzero(np.abs(np.diff(labels[:, agent], axis=0)).sum(1)) for agent in range(16)]
    lasting = np.concatenate([np.diff(each) for each in change])
    assert lasting.min() >= 4 and np.median(lasting) <= 7  # a duration d is d + 1 frames; equal neighbours show as one
    brightness = images.max((2, 3, 4))
    first, second = ([brightness[each + later, agent].mean() for agent, each in enumerate(change)] for later in (1, 2))
    assert np.mean(first) < 0.75 * np.mean(second)


@pytest.mark.proves(
    "if.remap", "if.in", "if.out", "roman_numerals.conf-mat window", "roman_numerals.conf-mat mean over"
)
def test_interface_remapping(example):
    example.step(30)
    with example.frame_view() as view:
        variables = {name: view[name].variable for name in ("first", "second")}
        outputs = {(name, key): each[key] for name, each in variables.items() for key in ("rn_image", "rn_label")}
        acc = view["second"].variable["_acc_"]
        assert "_acc_" not in view["first"].variable
    example.step()
    after = states(example)
    close(after["page"], outputs["first", "rn_image"] + outputs["second", "rn_image"])
    assert outputs["first", "rn_image"].any() and outputs["second", "rn_image"].any()
    close(after["first_name"], outputs["first", "rn_label"])
    close(after["second_name"], outputs["second", "rn_label"])
    assert acc.shape == (6,) and acc[0] < 0.5 and (acc[2:] > 0.99).all()
