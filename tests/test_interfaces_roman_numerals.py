"""The interface roman_numerals: timing, what it shows, what it measures, and that a step is a pure function."""

import numpy as np
import pytest

from interfaces_network import Player, numerals
from statestream.interfaces import InterfaceError, load

LONGEST = 7


def run(player, frames, **states):
    """The variables after each of so many frames, stacked: name -> [frames, ...]."""
    seen = [player.step(**states) for _ in range(frames)]
    return {name: np.stack([variables[name] for variables in seen]) for name in seen[0]}


def lengths(trigger):
    """Frames between one trigger and the next, of all agents; trigger [frames, agents]. Without the first stimuli."""
    return np.concatenate([np.diff(np.flatnonzero(one))[1:] for one in trigger.T])


# --- timing ---


def test_a_numeral_lasts_duration_plus_one_frames():
    seen = run(Player(numerals(agents=20, min_duration=6, max_duration=6)), 60)
    assert set(lengths(seen["_trigger_"])) == {7}
    assert set(seen["_elapsed_"].ravel()) == set(range(7))


@pytest.mark.proves("roman_numerals.min_duration", "roman_numerals.max_duration")
def test_durations_cover_their_range_and_no_more():
    seen = run(Player(numerals(agents=50, min_duration=2, max_duration=5)), 200)
    assert set(lengths(seen["_trigger_"])) == {3, 4, 5, 6}


def test_agents_do_not_change_together():
    """With one duration for all, the first numerals are cut off at random."""
    seen = run(Player(numerals(agents=70, min_duration=6, max_duration=6)), 40)
    assert seen["_trigger_"][0].all()
    assert seen["_trigger_"][10:].sum(axis=1).max() < 30
    assert seen["_trigger_"][10:].sum(axis=1).min() > 0


def test_label_and_image_change_with_the_trigger_only():
    seen = run(Player(numerals(agents=20, min_duration=3, max_duration=5, fading=0)), 60)
    for name in ("rn_image", "rn_label"):
        before, after = seen[name][:-1], seen[name][1:]
        changed = (before != after).any(axis=(2, 3, 4))
        triggered = seen["_trigger_"][1:] == 1
        assert not (changed & ~triggered).any()
        if name == "rn_image":
            np.testing.assert_array_equal(changed, triggered)


def test_the_durations_can_be_changed_one_after_the_other_while_it_runs():
    player = Player(numerals(agents=20, min_duration=2, max_duration=3))
    run(player, 10)
    player.parameters["min_duration"] = 9.0  # above max_duration for now
    assert set(lengths(run(player, 60)["_trigger_"][10:])) == {10}
    player.parameters["max_duration"] = 9.0
    assert set(lengths(run(player, 60)["_trigger_"])) == {10}


@pytest.mark.parametrize("answer", [None, (10, 1, 1)])
def test_triggers_are_cleared_with_and_without_an_answer(answer):
    seen = run(Player(numerals(agents=5, answer=answer, min_duration=6, max_duration=6)), 30)
    np.testing.assert_array_equal(seen["_trigger_"] == 1, seen["_elapsed_"] == 0)
    assert set(seen["_trigger_"].ravel()) == {0, 1}


def test_without_an_answer_there_is_no_accuracy():
    variables = Player(numerals(answer=None)).variables
    assert not any(name.startswith(("_acc_", "_conf_mat_", "_delay_")) for name in variables)


# --- what it shows ---


def test_the_first_numeral_is_drawn_at_once():
    variables = Player(numerals(agents=30, fading=0)).step()
    assert variables["rn_image"].max(axis=(1, 2, 3)).min() > 0.4
    assert (variables["rn_label"].sum(axis=1) == 1).all()


def test_label_is_one_hot_over_the_whole_space():
    variables = Player(numerals(label=(10, 4, 3), agents=40)).step()
    label = variables["rn_label"]
    assert label.shape == (40, 10, 4, 3)
    assert (label.sum(axis=1) == 1).all()
    assert (label == label[:, :, :1, :1]).all()


def test_label_tells_what_is_drawn():
    """Ink grows with the number of strokes, so the mean image of a label has the ink of its numeral."""
    seen = run(Player(numerals(agents=64, min_duration=1, max_duration=1, fading=0)), 60)
    classes = seen["rn_label"][..., 0, 0].argmax(axis=2)
    ink = [seen["rn_image"][classes == k].sum(axis=(1, 2, 3)).mean() for k in range(10)]
    strokes = np.array([1, 2, 3, 3, 2, 3, 4, 5, 3, 2])
    assert np.corrcoef(ink, strokes)[0, 1] > 0.98


def test_all_ten_are_shown_equally_often():
    seen = run(Player(numerals(agents=200, min_duration=1, max_duration=1)), 50)
    classes = seen["rn_label"][..., 0, 0].argmax(axis=2)[seen["_trigger_"] == 1]
    share = np.bincount(classes, minlength=10) / len(classes)
    assert share == pytest.approx(np.full(10, 0.1), abs=0.02)


@pytest.mark.proves("roman_numerals.fading")
def test_fading_rises_and_falls_linearly():
    player = Player(numerals(agents=8, min_duration=10, max_duration=10, fading=4))
    seen = run(player, 60)
    factor = [0, 0.25, 0.5, 0.75, 1, 1, 1, 0.75, 0.5, 0.25, 0]
    for n in range(20, 60):
        strength = np.array(factor)[seen["_elapsed_"][n].astype(int)]
        wanted = strength[:, None, None, None] * seen["_image_"][n]
        np.testing.assert_allclose(seen["rn_image"][n], wanted, rtol=1e-6)


@pytest.mark.proves("roman_numerals.fading")
def test_without_fading_it_is_always_in_full_strength():
    seen = run(Player(numerals(agents=8, min_duration=3, max_duration=3, fading=0)), 20)
    np.testing.assert_array_equal(seen["rn_image"], seen["_image_"])


def test_colours_are_mixed_by_the_ink():
    """Pixels lie on the line from background to foreground, both random; the original scaled it by the red byte."""
    variables = Player(numerals(agents=30, image=(3, 33, 33), fading=0)).step()
    image = variables["rn_image"]
    assert image.shape == (30, 3, 33, 33)
    assert image.min() >= 0
    assert image.max() <= 1
    back = image[:, :, 32, 16]  # no numeral but VIII comes there, at the right border
    spread = image - back[:, :, None, None]
    for agent in np.flatnonzero(variables["_class_"] != 7):
        rows = spread[agent].reshape(3, -1)
        assert np.linalg.matrix_rank(rows, tol=1e-3) == 1
    assert back.std(axis=0).min() > 0.15


def test_colours_of_ink_and_paper_are_both_fully_reached():
    from statestream.interfaces import numerals as drawing

    player = Player(numerals(agents=30, image=(3, 33, 33), fading=0))
    image = player.step()["rn_image"]
    uniform = player.interface.generator("numerals", 0).random((30, 9 + drawing.Drawings.DRAWS))
    classes = player.variables["_class_"].astype(int)
    ink = drawing.draw(drawing.Drawings.random(classes, uniform[:, 9:]), (33, 33))[:, None]
    front, back = (uniform[:, i : i + 3, None, None] for i in (3, 6))
    np.testing.assert_allclose(image, front * ink + back * (1 - ink), atol=1e-6)


@pytest.mark.parametrize("size", [(48, 20), (20, 48)])
def test_images_need_not_be_square(size):
    variables = Player(numerals(agents=20, image=(1, *size), fading=0)).step()
    assert variables["rn_image"].shape == (20, 1, *size)
    covered = variables["rn_image"][:, 0].max(axis=1)  # [agents, Y]
    assert (covered[:, size[1] // 10 : size[1] * 2 // 3] > 0.2).all()  # all strokes run from top to bottom


@pytest.mark.proves("if.out")
@pytest.mark.parametrize("left_out", ["image", "label"])
def test_an_output_can_be_left_out(left_out):
    seen = run(Player(numerals(agents=3, **{left_out: None})), 10)
    assert f"rn_{left_out}" not in seen
    assert seen["_trigger_"][0].all()


def test_one_agent():
    player = Player(numerals(agents=1, min_duration=6, max_duration=6))
    seen = run(player, 30, rn_pred=np.zeros((1, 10, 1, 1), np.float32))
    assert set(lengths(seen["_trigger_"])) == {7}
    assert seen["_acc_"].shape == (30, 9)


# --- single mode ---


@pytest.mark.proves("if.mode")
def test_in_single_mode_all_agents_show_agent_0():
    seen = run(Player(numerals(agents=6, mode=1, min_duration=3, max_duration=5)), 40)
    for name in ("rn_image", "rn_label", "_trigger_", "_delay_", "_truth_"):
        assert (seen[name] == seen[name][:, :1]).all(), name
    batch = run(Player(numerals(agents=6, mode=0, min_duration=3, max_duration=5)), 40)
    np.testing.assert_array_equal(seen["rn_image"][:, 0], batch["rn_image"][:, 0])


def test_a_change_of_mode_begins_anew():
    player = Player(numerals(agents=40, min_duration=6, max_duration=6))
    run(player, 10)
    player.parameters["mode"] = 1.0
    assert player.step()["_trigger_"].all()
    assert not player.step()["_trigger_"].all()
    player.parameters["mode"] = 0.0
    assert player.step()["_trigger_"].all()
    assert 0 < run(player, 20)["_trigger_"][10:].sum(axis=1).max() < 40


@pytest.mark.proves("if.mode")
def test_modes_of_data_sets_act_like_batch():
    seen = [run(Player(numerals(mode=mode)), 20)["rn_image"] for mode in (0, 2, 3)]
    np.testing.assert_array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(seen[0], seen[2])


# --- accuracy ---


def reader(player, frames, path, blank=0):
    """Play with a network that reads each numeral rightly, `path` synapse-pools behind its image's state.

    The frame law: s[n + 1] holds v[n]; so the answer in s[n] is to v[n - 1 - path].
    """
    shown = []
    for _ in range(frames):
        shown.append(player.variables["rn_label"])
        behind = len(shown) - 2 - path
        answer = shown[behind] if behind >= 0 else np.zeros_like(shown[0])
        player.step(rn_pred=answer)
    return player.variables["_acc_"]


@pytest.mark.parametrize("path", [1, 2, 4])
def test_the_first_right_delay_is_the_path_plus_one(path):
    player = Player(numerals(agents=64, min_duration=6, max_duration=6, fading=0))
    accuracy = reader(player, 80, path)
    assert accuracy[path + 1 : LONGEST] == pytest.approx(1)
    assert accuracy[: path + 1].max() < 0.5  # what it says there is of the numeral before
    assert (accuracy[LONGEST:] == 0).all()  # no numeral is ever shown so long


def test_delays_within_a_numeral_are_all_measured():
    player = Player(numerals(agents=64, min_duration=6, max_duration=6))
    reader(player, 80, 4)
    counts = player.variables["_conf_mat_"].sum(axis=(1, 2))
    assert (counts[:LONGEST] > 5).all()
    assert (counts[LONGEST:] == 0).all()


@pytest.mark.proves("if.in")
def test_accuracy_is_that_of_the_answers():
    """A reader that takes every class for the next one, and every fourth agent rightly."""
    player = Player(numerals(agents=64, min_duration=6, max_duration=6, **{"conf-mat mean over": 100}))
    for _ in range(80):
        label = player.variables["rn_label"]
        answer = np.roll(label, 1, axis=1)
        answer[::4] = label[::4]
        player.step(rn_pred=answer)
    matrix, accuracy = player.variables["_conf_mat_"], player.variables["_acc_"]
    assert accuracy[:LONGEST] == pytest.approx(0.25, abs=0.05)
    for truth in range(10):
        assert matrix[0, truth, (truth + 1) % 10] > matrix[0, truth, truth] > 0


def test_a_map_of_answers_is_scored_pixel_by_pixel():
    player = Player(numerals(agents=16, answer=(10, 3, 2), min_duration=6, max_duration=6))
    for _ in range(60):
        label = np.broadcast_to(player.variables["rn_label"], (16, 10, 3, 2)).copy()
        label[:, :, 0, 0] = np.roll(label[:, :, 0, 0], 1, axis=1)
        player.step(rn_pred=label)
    assert player.variables["_acc_"][:LONGEST] == pytest.approx(5 / 6)


@pytest.mark.proves("roman_numerals.conf-mat window", "roman_numerals.conf-mat mean over")
def test_window_and_mean_are_those_of_the_graph():
    player = Player(numerals(**{"conf-mat window": 12, "conf-mat mean over": 5}))
    assert player.variables["_acc_"].shape == (12,)
    assert player.variables["_conf_mat_"].shape == (12, 10, 10)
    assert player.variables["_conf_mat_.slots"].shape == (5, 12, 10, 10)


# --- a pure function of seed, frame and memory ---


def test_a_step_changes_nothing_but_what_follows():
    player = Player(numerals(agents=10, min_duration=2, max_duration=4))
    run(player, 7)
    before = {name: value.copy() for name, value in player.variables.items()}
    first, second = player.following(), player.following()
    for name, value in before.items():
        np.testing.assert_array_equal(player.variables[name], value, err_msg=name)
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
        assert np.isfinite(first[name]).all(), f"{name} is not filled"


def test_it_goes_on_from_saved_variables_as_if_never_stopped():
    whole = Player(numerals(agents=10, min_duration=2, max_duration=4))
    run(whole, 9)
    resumed = Player(numerals(agents=10, min_duration=2, max_duration=4))
    resumed.frame, resumed.variables = whole.frame, {n: v.copy() for n, v in whole.variables.items()}
    expected, found = run(whole, 12), run(resumed, 12)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_equal_seeds_show_the_same_and_others_something_else():
    first, same, other = (run(Player(numerals(), seed=seed), 30)["rn_image"] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_an_agent_sees_the_same_however_many_there_are():
    few, many = (run(Player(numerals(agents=count)), 40)["rn_image"] for count in (2, 30))
    np.testing.assert_array_equal(few, many[:, :2])


def test_the_split_is_ignored():
    first, second = Player(numerals(agents=6)), Player(numerals(agents=6))
    second.split = 3
    np.testing.assert_array_equal(run(first, 30)["rn_image"], run(second, 30)["rn_image"])


def test_arrays_are_known_without_a_step():
    network = numerals(agents=5, min_duration=6, max_duration=6, fading=0)
    specs = {spec.key: spec for spec in load("roman_numerals").arrays(network, "eyes")}
    assert specs["eyes", "variable", "rn_image"].shape == (5, 1, 32, 32)
    assert specs["eyes", "variable", "_acc_"].shape == (9,)
    assert specs["eyes", "parameter", "min_duration"].shape == ()
    assert specs["eyes", "parameter", "fading"].minimum == 0
    public = {key[2] for key, spec in specs.items() if key[1] == "variable" and not spec.internal}
    assert public == {"rn_image", "rn_label", "_trigger_", "_conf_mat_", "_acc_"}
    interface = load("roman_numerals")(network, "eyes")
    assert interface.initial(("eyes", "parameter", "max_duration")) == 6
    assert not interface.initial(("eyes", "variable", "rn_image")).any()
    assert (interface.initial(("eyes", "variable", "_duration_")) == -1).all()
    with pytest.raises(KeyError):
        interface.initial(("eyes", "variable", "nothing"))


# --- errors ---


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": (2, 32, 32)}, ["eyes", "rn_image", "[2, 32, 32]", "1 or 3"]),
        ({"label": (9, 1, 1)}, ["eyes", "rn_label", "[9, 1, 1]", "10"]),
        ({"answer": (11, 1, 1)}, ["eyes", "rn_pred", "[11, 1, 1]", "10"]),
        ({"in": ["rn_image"]}, ["eyes", "rn_image", "'in'", "rn_pred"]),
        ({"out": ["rn_picture"]}, ["eyes", "rn_picture", "'out'", "rn_image, rn_label"]),
    ],
)
def test_wrong_topics_are_named_with_what_is_allowed(change, words):
    with pytest.raises(InterfaceError) as error:
        Player(numerals(**change))
    assert all(word in str(error.value) for word in words), error.value


def test_durations_in_the_wrong_order_are_an_error():
    with pytest.raises(InterfaceError, match=r"min_duration is 9, max_duration is 4"):
        Player(numerals(min_duration=9, max_duration=4))


@pytest.mark.parametrize(("key", "value"), [("min_duration", 0), ("fading", -1), ("mode", 4), ("fading", "slow")])
def test_values_outside_their_bounds_are_an_error(key, value):
    with pytest.raises(InterfaceError, match=key):
        Player(numerals(**{key: value}))
