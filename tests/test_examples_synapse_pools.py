"""Examples of synapse-pools: each runs, and shows what its first lines say."""

from __future__ import annotations

import numpy as np
import pytest

from example_frames import SHAPES, around, close, convolution, dense, losses, parameter, shared_mean, states


def pixelwise(x, matrix):
    """A matrix [m, n] applied to each pixel of x [agents, n, X, Y]."""
    return np.einsum("mn,anxy->amxy", matrix, x)


@pytest.mark.proves("sp.share params", "plast.parameter", "lossfn.MSE", "optimizer.grad_desc")
def test_parameter_sharing(example):
    first = parameter(example, "first")
    before, after = around(example)
    w = parameter(example, "first")
    assert (w == parameter(example, "second")).all() and not np.allclose(w, first)
    example["second"].parameter["W_0_0"] = 2 * w
    assert (parameter(example, "first") == 2 * w).all()
    example["second"].parameter["W_0_0"] = w
    before = states(example)
    example.step()
    after = states(example)
    close(after["left_sum"], convolution(before["left"], w))
    close(after["right_sum"], convolution(before["right"], w))
    assert losses(example, "learn", 60)[-1] < 1e-3
    close(parameter(example, "first"), parameter(example, "teacher"), 0.05)


@pytest.mark.proves("sp.avgout", "sp.maxout")
def test_sp_avgout_maxout(example):
    before, after = around(example)
    x = before["values"]
    close(after["mean_of_four"], x.reshape(2, 2, 4, 3, 3).mean(2))
    close(after["largest_of_two"], x.reshape(2, 4, 2, 3, 3).max(2))
    close(after["both"], x.reshape(2, 2, 2, 2, 3, 3).mean(3).max(2))


@pytest.mark.proves("sp.bias_shapes", "sp.init", "sp.act")
def test_sp_bias_shapes(example):
    before, after = around(example, 60)
    for shape in SHAPES:
        close(after[shape], shared_mean(after["wanted"][0], shape), 1e-4)
        lengths = {"full": (2, 3, 4), "feature": (2,), "spatial": (3, 4), "scalar": (1,)}[shape]
        assert parameter(example, f"with_{shape}", "b_0").shape == lengths
    x = before["values"]
    close(after["product"], x * np.tanh(x + 0.5))
    assert set(example["gate"].parameter) == {"W_0_0", "W_1_0", "b_1"}


@pytest.mark.proves("sp.factor_shapes", "sp.source", "sp.rf")
def test_sp_factor_shapes(example):
    before, after = around(example)
    x, code = before["values"], before["code"]

    def w(item, name="W_1_0"):
        return parameter(example, item, name)

    close(after["by_full"], x * convolution(x, w("full_full")))
    close(after["by_feature"], x * dense(code, w("full_feature")))
    close(after["by_spatial"], x * convolution(x, w("full_spatial")))
    close(after["by_scalar"], x * dense(code, w("full_scalar")))
    small = dense(code, w("small_small", "W_0_0")) * convolution(x, w("small_small"))
    close(after["feature_by_spatial"], small)
    assert [w(item).shape[0] for item in ("full_full", "full_feature", "full_spatial", "full_scalar")] == [3, 3, 1, 1]


@pytest.mark.proves("sp.target_shapes", "sp.factor_shapes")
def test_sp_target_shapes(example):
    before, after = around(example)
    full, feature, spatial, scalar = (parameter(example, "everything", f"W_0_{i}") for i in range(4))
    assert [len(w) for w in (full, feature, spatial, scalar)] == [3, 3, 1, 1]
    wanted = convolution(before["image"], full) + dense(before["code"], feature)
    wanted = wanted + convolution(before["image"], spatial) + dense(before["mood"], scalar)
    close(after["sum"], wanted)
    small = convolution(before["image"], parameter(example, "small")) + dense(
        before["mood"], parameter(example, "small", "W_0_1")
    )
    assert small.shape == (2, 1, 4, 4)
    close(after["map"], small)


@pytest.mark.proves("sp.ppp", "plast.parameter", "optimizer.adam")
def test_sp_ppp(example):
    start = [parameter(example, "conv", name) for name in ("P_0_0", "W_0_0")]
    example.step(2)
    before = states(example)
    p, w = (parameter(example, "conv", name) for name in ("P_0_0", "W_0_0"))
    example.step()
    after = states(example)
    assert p.shape == (2, 6, 1, 1) and w.shape == (3, 2, 3, 3)
    close(after["convolved"], convolution(pixelwise(before["values"], p[:, :, 0, 0]), w))
    p, v = (parameter(example, "dense", name) for name in ("P_0_0", "W_0_0"))
    assert v.shape == (3, 2, 4, 4)
    close(after["connected"], dense(pixelwise(before["values"], p[:, :, 0, 0]), v))
    found = losses(example, "learn", 120)
    assert found[-10:].mean() < 0.8 * found[:10].mean()
    assert all((parameter(example, "conv", n) != old).all() for n, old in zip(("P_0_0", "W_0_0"), start, strict=True))


@pytest.mark.proves("sp.pact")
def test_sp_preactivation(example):
    before, after = around(example)
    close(after["sum"], np.abs(before["a"]) + before["b"] ** 2)


@pytest.mark.proves("sp.dilation", "sp.share params")
def test_sp_share_dilated(example):
    before, after = around(example)
    w = parameter(example, "near")
    far = convolution(before["image"], w, dilation=2)
    close(after["sum"], convolution(before["image"], w) + far)
    assert np.abs(far).max() > 0.1


@pytest.mark.proves("sp.weight_fnc", "sp.init")
def test_sp_weight_function(example):
    before, after = around(example, 2)
    close(after["positive"], before["values"].sum((1, 2, 3), keepdims=True))
    example.step(400)
    w = parameter(example, "grow")
    assert (w < -1).all()  # exp(w) is on its way to 0.2
    close(np.exp(w), 0.2, 0.05)


@pytest.mark.proves(
    "sp.init", "sp.min", "sp.max", "init.xavier", "init.normal", "init.uniform", "init.one", "init.zero", "init.id",
    "init.-id", "init.bilin", "init.loc_inh",
)  # fmt: skip
def test_sp_weight_init(example):
    before, after = around(example)
    x, w = before["values"], {name: parameter(example, name) for name in example.network.synapse_pools}
    bound = np.sqrt(6 / ((4 + 16) * 9))
    assert 0.95 * bound < np.abs(w["xavier"]).max() <= bound
    assert 0.95 * bound < np.abs(w["wide_xavier"]).max() / 4 <= bound
    for name, mean, std in (("from_normal", 0, 1), ("from_normal_2", 0.5, 0.1)):
        assert abs(w[name].mean() - mean) < 0.2 * std and abs(w[name].std() / std - 1) < 0.1
    for name, low, high in (("from_uniform", 0, 1), ("from_uniform_2", -2, -1)):
        assert low <= w[name].min() < low + 0.02 and high - 0.02 < w[name].max() <= high
    assert w["limited"].min() == -0.5 and w["limited"].max() == 1 and (np.abs(w["limited"]) < 0.5).any()
    assert (w["constant"] == 0.25).all() and (w["ones"] == 1).all() and not w["zeros"].any()
    close(after["copy"], x)
    close(after["negative"], -x)
    close(after["half"], x / 2)
    bump = np.eye(4)[:, :, None, None] * np.array([[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]])
    close(after["blurred"], convolution(x, bump))
    inhibition = np.full((4, 4, 3, 3), -1 / 36)
    inhibition[range(4), range(4), 1, 1] = 0.5
    close(after["inhibited"], convolution(x, inhibition))
    close(after["reduced"], x[:, :, ::2, ::2])
    close(after["enlarged"], x.repeat(2, 2).repeat(2, 3))


@pytest.mark.proves("init.id", "init.Id", "init.-Id", "sp.init")
def test_sp_weight_init_id(example):
    before, after = around(example)
    three, six = before["three"], before["six"]
    close(after["six_id"], three.repeat(2, 1))
    close(after["six_Id"], np.concatenate([three, three], 1))
    close(after["three_id"], six.reshape(2, 3, 2, 2, 2).sum(2))
    close(after["three_Id"], six[:, :3] + six[:, 3:])
    close(after["less"], -three)
    close(after["more"], 2.5 * three)


@pytest.mark.proves("sp.unshare")
def test_sp_weight_unshare(example):
    _, after = around(example)
    w = parameter(example, "single_conv")
    assert w.shape == (4, 3, 2, 3, 3) and np.unique(w).size == w.size
    close(after["single"], convolution(np.ones((4, 2, 4, 4)), w))
    assert (after["common"] == after["common"][0]).all()
    assert all(not np.allclose(after["single"][0], after["single"][a]) for a in (1, 2, 3))
    example.step(400)
    close(parameter(example, "student"), parameter(example, "teacher"), 0.05)


@pytest.mark.proves("sp.weight_shapes")
def test_weight_shapes(example):
    before, after = around(example)
    lengths = {
        "full": (3, 2, 3, 3), "feature": (3, 2, 1, 1), "spatial": (1, 1, 3, 3), "scalar": (1, 1, 1, 1),
        "src_feature": (1, 2, 1, 1), "tgt_feature": (3, 1, 1, 1), "src_spatial": (1, 2, 3, 3),
        "tgt_spatial": (3, 1, 3, 3),
    }  # fmt: skip
    for shape, stored in lengths.items():
        w = parameter(example, f"to_{shape}")
        assert w.shape == stored
        close(after[shape], convolution(before["values"], np.broadcast_to(w, (3, 2, 3, 3))))


@pytest.mark.proves("sp.M", "sp.avgout")
def test_mixing(example):
    before, after = around(example)
    a, b, m = (parameter(example, "bilinear", name) for name in ("W_0_0", "W_1_0", "M"))
    assert m.shape == (3, 6, 3, 3)
    hidden = convolution(before["a"], a) * convolution(before["b"], b)
    close(after["product"], convolution(hidden, m))
    w, m = (parameter(example, "after_mean", name) for name in ("W_0_0", "M"))
    assert w.shape == (8, 2, 1, 1) and m.shape == (3, 4, 1, 1)
    means = convolution(before["a"], w).reshape(2, 4, 2, 4, 4).mean(2)
    close(after["reduced"], convolution(means, m))


@pytest.mark.proves("sp.act", "sp.ACT")
def test_result_activation(example):
    before, after = around(example)
    a, b = before["a"], before["b"]
    close(after["out"], np.maximum(np.tanh(a) / (1 + np.exp(-b)), 0))
    assert (after["out"] == 0).any()


@pytest.mark.proves("sp.func")
def test_func(example):
    before, after = around(example)
    a, b = before["a"], before["b"]
    close(after["distance"][:, 0], np.sqrt(((a - b) ** 2).sum(1)))
    close(after["blend"], 0.25 * a + 0.75 * np.tanh(b))
    assert list(example["compare"].parameter) == []


@pytest.mark.proves("sp.source", "sp.rf")
def test_two_factors(example):
    before, after = around(example)
    close(after["product"], (before["a"] + before["b"]) * before["c"])
    assert losses(example, "learn", 80)[-1] < 1e-3
    close(parameter(example, "student", "W_1_0")[:, :, 0, 0], np.eye(2), 0.02)


@pytest.mark.proves("sp.noise", "sp.noise_mean", "sp.noise_std", "sp.noise_min", "sp.noise_max")
def test_sp_noise(example):
    before, after = around(example)
    x, u = after["normal"], after["uniform"]
    assert abs(x.mean() + 1) < 0.05 and abs(x.std() - 0.5) < 0.05
    assert u.min() >= 2 and u.max() <= 6 and abs(u.mean() - 4) < 0.15 and abs(u.std() - 4 / 12**0.5) < 0.1
    assert (before["normal"] != x).all() and (before["uniform"] != u).all()
    example["with_uniform"].parameter["noise_max"] = 2
    example.step()
    close(example["uniform"].state, 2)


@pytest.mark.proves("sp.rf", "init.bilin")
def test_upsampling(example):
    before, after = around(example)
    blocks = before["small"].repeat(4, 2).repeat(4, 3)
    close(after["blocks"], blocks)
    bump = np.eye(2)[:, :, None, None] * np.array([[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]])
    close(after["smooth"], convolution(blocks, bump))
    assert np.unique(after["smooth"][0, 0].round(4)).size > 9


@pytest.mark.proves("sp.dilation")
def test_dilation(example):
    before, after = around(example)
    light = before["light"]
    for name, apart in (("plain", 1), ("near", 2), ("far", 3)):
        close(after[name], convolution(light, np.ones((1, 1, 3, 3)), dilation=apart))
    assert (after["plain"] != after["near"]).any()
    close(after["strided"], convolution(light, parameter(example, "with_stride"), (2, 2), 2))
    # One bright pixel in the middle.
    alone = np.zeros((2, 1, 8, 8))
    alone[:, :, 4, 4] = 1
    example["light"].state = alone
    example.step()
    x, y = example["far"].state[0, 0].nonzero()
    assert set(zip(x, y, strict=True)) == {(i, j) for i in (1, 4, 7) for j in (1, 4, 7)}


@pytest.mark.proves("np.shape", "sp.rf", "sp.weight_shapes")
def test_one_dimensional(example):
    kernel = np.array([-1.0, 0, 1]).reshape(1, 1, 3, 1)
    example["differ"].parameter["W_0_0"] = kernel
    before, after = around(example)
    w = parameter(example, "reduce")
    assert w.shape == (3, 2, 5, 1) and parameter(example, "enlarge").shape == (2, 3, 3, 1)
    line = before["line"]
    close(after["features"], convolution(line, w, (3, 1)))
    close(after["back"], convolution(before["features"].repeat(3, 2), parameter(example, "enlarge")))
    padded = np.pad(line.sum(1), ((0, 0), (1, 1), (0, 0)))
    close(after["slope"][:, 0], padded[:, 2:] - padded[:, :-2])


@pytest.mark.proves("sp.rf")
def test_dense_into_space(example):
    before, after = around(example)
    for source, target, item in (("code", "map", "spread"), ("image", "summary", "see_all")):
        close(after[target], dense(before[source], parameter(example, item)))
        assert (after[target] == after[target][:, :, :1, :1]).all() and after[target].any()


@pytest.mark.proves("sp.rf")
def test_even_rf(example):
    before, after = around(example)
    x = before["values"][:, 0]
    wanted = np.zeros_like(x)
    for i, j in np.ndindex(8, 8):
        wanted[:, i, j] = x[:, max(i - 2, 0) : i + 2, max(j - 2, 0) : j + 2].sum((1, 2))
    close(after["out"][:, 0], wanted)
    shifted = np.pad(x, ((0, 0), (1, 0), (1, 0)))[:, :8, :8]
    close(after["pairs"][:, 0], shifted.reshape(2, 4, 2, 4, 2).sum((2, 4)))


@pytest.mark.proves("sp.min", "sp.max")
def test_bounds(example):
    assert parameter(example, "bounded") == -0.5
    example.step(60)
    assert parameter(example, "bounded") == 0.5
    close(parameter(example, "free"), 2, 0.01)
    assert example["learn_bounded"].update("bounded", "W_0_0") > 0.05  # the increments are not bounded


@pytest.mark.proves("init.id", "sp.source", "sp.target")
def test_delay_line(example):
    now = []
    for _ in range(6):
        example.step()
        now.append(states(example))
    for delay in (1, 2, 3):
        close(now[-1][f"ago_{delay}"], now[-1 - delay]["now"], 0)
