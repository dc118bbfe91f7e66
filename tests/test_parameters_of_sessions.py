"""Keys that act around the frame: when an item runs, where, by which tags it is found, and what has no effect."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import statestream as sst
from engines import assert_equal_bits, fresh
from graph_texts import load, synapse
from nets import LEARNER, READER, changed
from statestream.arrays import ArrayKey
from statestream.numerics.initialisation import fill


@pytest.mark.proves("plast.at start")
@pytest.mark.parametrize("flag", [1, 2])
def test_a_plasticity_that_is_asleep_changes_nothing(flag: int) -> None:
    with sst.Session(changed(LEARNER, deep={"at start": flag}), seed=3) as session:
        before = {key: session[key].parameter["W_0_0"] for key in ("eye_mid", "mid_out", "eye_out")}
        session.step(6)
        moved = {key: bool((session[key].parameter["W_0_0"] != old).any()) for key, old in before.items()}
    assert moved == {"eye_mid": False, "mid_out": True, "eye_out": True}  # `flat` trains the other two


@pytest.mark.proves("if.at start")
@pytest.mark.parametrize("flag", [1, 2])
def test_an_interface_that_is_asleep_writes_nothing(flag: int) -> None:
    found = fresh(changed(READER, numerals={"at start": flag}), 6)
    assert not found["numerals", "variable", "rn_label"].any() and not found["label", "state", ""].any()


@pytest.mark.proves("if.period", "if.period offset")
def test_an_interface_runs_in_its_own_frames() -> None:
    """Numerals that last two of its frames: in each, a trigger is set or cleared."""
    keys = {"period": 3, "period offset": 1, "min_duration": 1, "max_duration": 1}
    with sst.Session(changed(READER, numerals=keys), seed=3) as session:
        ran = []
        for frame in range(12):
            before = session["numerals"].variable["_trigger_"]
            session.step()
            if (session["numerals"].variable["_trigger_"] != before).any():
                ran.append(frame)
    assert ran == [1, 4, 7, 10]


@functools.cache
def unchanged() -> dict[ArrayKey, np.ndarray]:
    return fresh(READER, 6)


@pytest.mark.proves("if.device", "if.backend", "if.auto_shm_write", "if.screen_width", "if.screen_height")
@pytest.mark.parametrize(
    "keys",
    [{"device": "cpu:1"}, {"backend": "theano"}, {"auto_shm_write": False, "screen_width": 5, "screen_height": 7}],
)
def test_what_does_not_change_what_an_interface_computes(keys: dict[str, Any]) -> None:
    assert_equal_bits(fresh(changed(READER, numerals=keys), 6), unchanged())


@pytest.mark.proves("sp.backend", "plast.backend", "np.backend", "plast.device")
def test_the_engine_of_an_item(tmp_path: Path) -> None:
    """A synapse-pool is computed by its target's group; a plasticity by its own."""
    net = sst.load_graph(changed(LEARNER, deep={"backend": "theano", "device": "cpu:1"}, mid={"backend": "tensorflow"}))
    assert (net.group_of("deep").backend, net.group_of("deep").device) == ("theano", "cpu:1")
    assert (net.group_of("mid").backend, net.group_of("flat").backend) == ("tensorflow", "numpy")
    text = synapse("source: [[image]]\ntarget: hidden\nbackend: numpy")
    assert load(text, tmp_path).group_of("s").backend == "theano"


@pytest.mark.proves("plast.tags", "if.tags", "np.tags", "sp.tags", "top.tag_specs")
def test_tags_of_every_kind_of_item() -> None:
    tagged = changed(READER, **{name: {"tags": ["all", name]} for name in ("image", "read", "learn", "numerals")})
    net = sst.load_graph({**tagged, "tag_specs": {"all": {"period": 4}, "image": {"act": "tanh"}}})
    assert net.tags["all"] == ("image", "read", "learn", "numerals") and net.filter(["#learn"]) == ["learn"]
    assert [net.items[name]["period"] for name in net.tags["all"]] == [4, 4, 4, 4]
    assert net.items["image"]["act"] == "tanh" and net.items["label"].get("period") == 1


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(key, marks=pytest.mark.proves(f"top.{key}"))
        for key in (
            "info", "__source_root__", "rollout_factor", "first_response_streaming", "first_response_sequential",
            "shortest_path_sequential",
        )
    ],
)  # fmt: skip
def test_top_level_keys_that_are_kept_for_others(key: str) -> None:
    value = {"info": {"saved": "once"}, "__source_root__": ["old.st_graph"]}.get(key, 3)
    net = sst.load_graph({**READER, key: value}, strict=True)
    assert net.items.keys() == sst.load_graph(READER).items.keys()


@pytest.mark.proves("init.-Id", "init.-id")
def test_minus_the_identity() -> None:
    for name in ("-id", "-Id"):
        found = fill(name, (3, 3, 3, 3), np.random.default_rng(1))
        np.testing.assert_array_equal(found[:, :, 1, 1], -np.eye(3))
        assert found.sum() == -3
