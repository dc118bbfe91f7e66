"""The checks that the specification's DO adds: plasticities, interfaces, clients."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph_texts import (
    COMPLETE,
    changed,
    graph,
    interface,
    load,
    odd,
    plasticity,
    says,
    wrong,
)

# --- plasticities ---


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("loss_function", "MES", ["the loss function 'MES' does not exist", "'MSE'"]),
        ("loss_function", None, ["'loss_function' is missing"]),
        ("optimizer", "adm", ["the optimizer 'adm' does not exist", "'adam'"]),
        ("source", None, ["'source' is missing"]),
        ("source_t", None, ["'source_t' is missing"]),
        ("source_t", "-1", ["from 0 to"]),
        ("source_t", "1000000000", ["from 0 to"]),
        ("source_t", "two", ["a whole number"]),
        ("target", None, ["'target' is missing", "MSE"]),
        ("target", "None", ["'target' is missing"]),
        ("target_t", None, ["'target_t' is missing", "MSE"]),
        ("mask", "msk", ["neuron-pool 'msk' does not exist", "'mask'"]),
        ("mask", "image", ["[8, 8]", "those of the source"]),
        ("lr", "-1", ["at least 0"]),
        ("lr", "fast", ["found the text 'fast'"]),
        ("label_smoothing", "-1", ["from 0 to 1"]),
        ("label_smoothing", "1.5", ["from 0 to 1"]),
        ("parameter", "[[sp, hidden_point, W_0_1]]", ["'hidden_point' has no parameter 'W_0_1'", "'W_0_0'"]),
        ("parameter", "[[np, point, g]]", ["'point' has no parameter 'g'", "known: b"]),
        ("parameter", "[[np, point, b], [np, point, b]]", ["listed twice"]),
    ],
)
def test_values_of_plasticities(tmp_path: Path, key: str, value: str | None, words: list[str]) -> None:
    text = changed(key, value)
    if value == "None":
        load(changed("mask", "None"), tmp_path)
    (finding,) = wrong(text, tmp_path)
    says(finding, "p", key, *words)


@pytest.mark.parametrize(("optimizer", "key"), [("adam", "momentum"), ("adam", "decay"), ("rmsprop", "rho")])
def test_running_means_keep_less_than_all(tmp_path: Path, optimizer: str, key: str) -> None:
    """A mean of which all is kept never begins: nothing is learned, or a division by 0."""
    load(plasticity(f"{COMPLETE}\noptimizer: {optimizer}\n{key}: 0"), tmp_path)
    for value in ("-0.1", "1", "2"):
        (finding,) = wrong(plasticity(f"{COMPLETE}\noptimizer: {optimizer}\n{key}: {value} #!"), tmp_path)
        says(finding, "p", key, f"found the number {value}", "from 0 to 0.999999")


def test_losses_without_a_target(tmp_path: Path) -> None:
    load(
        plasticity("type: loss\nloss_function: minimize\nsource: point\nsource_t: 1\nparameter: [[np, point, b]]"),
        tmp_path,
    )


@pytest.mark.parametrize(
    ("source_t", "words"),
    [
        (3, ["no signal reaches 'point' in exactly 3 frames", "possible: 1 to 2 (0"]),
        (7, ["in exactly 7 frames", "possible: 1 to 2 (0"]),
    ],
)
def test_source_is_reached_in_time(tmp_path: Path, source_t: int, words: list[str]) -> None:
    (finding,) = wrong(changed("source_t", str(source_t)), tmp_path)
    says(finding, "p", "source", *words)


def test_a_synapse_pool_takes_part_only_with_all_its_sources(tmp_path: Path) -> None:
    text = graph(
        synapses="    both: {source: [[hidden, image]], target: mask}",
        plasticities="""
    p:
        type: loss
        loss_function: minimize
        source: mask
        source_t: 2 #!
        parameter: [[sp, both, W_0_0]]
""",
    )
    (finding,) = wrong(text, tmp_path)
    says(finding, "p", "source", "exactly 2 frames", "possible: 1,", "only when signals have come to all its sources")
    load(text.replace("source_t: 2 #!", "source_t: 1"), tmp_path)


@pytest.mark.parametrize("target_t", [1, 2, 3])
def test_a_label_is_there_at_step_0_only(tmp_path: Path, target_t: int) -> None:
    text = changed("target_t", str(target_t))
    (finding,) = wrong(text, tmp_path)
    says(finding, "p", "target", f"no signal reaches 'goal' in exactly {target_t} frames", "nothing leads to it")


def test_a_mask_is_reached_in_time(tmp_path: Path) -> None:
    text = plasticity(
        "type: loss\nloss_function: minimize\nsource: point\nsource_t: 1 #!\nmask: mask\nparameter: [[np, point, b]]"
    )
    (finding,) = wrong(text, tmp_path)
    says(finding, "p", "mask", "no signal reaches 'mask'")


@pytest.mark.parametrize(("source_t", "inside"), [(1, "hidden_point"), (0, "nothing")])
def test_a_loss_that_depends_on_no_parameter(tmp_path: Path, source_t: int, inside: str) -> None:
    text = plasticity(COMPLETE.replace("source_t: 2", f"source_t: {source_t}") + " #!")
    (finding,) = wrong(text, tmp_path)
    says(finding, "p", "parameter", "depends on none of its parameters", inside)


def test_a_parameter_outside_the_rollout_is_a_warning(tmp_path: Path) -> None:
    text = graph(
        synapses="    hidden_goal: {source: [[hidden]], target: goal}",
        plasticities="""
    p:
        type: loss
        loss_function: MSE
        source: point
        source_t: 2
        target: goal
        target_t: 0
        parameter:
            - [sp, image_hidden, W_0_0]
            - [sp, hidden_goal, W_0_0] #!
            - [np, image, b] #!
""",
    )
    first, second = odd(text, tmp_path)
    says(first, "p", "parameter", "'hidden_goal' lies outside the rollout", "hidden_point")
    says(second, "p", "parameter", "'image' lies outside the rollout", "hidden")


HEBBIAN = "type: hebbian\nmodus: hebbian\nsource: hidden\ntarget: point\nparameter: [[sp, hidden_point, W_0_0]]"


def test_hebbian(tmp_path: Path) -> None:
    load(plasticity(HEBBIAN), tmp_path)
    (finding,) = wrong(plasticity(HEBBIAN.replace("modus: hebbian", "modus: hebian #!")), tmp_path)
    says(finding, "p", "modus", "dt hebbian", "did you mean")
    (finding,) = wrong(plasticity(HEBBIAN.replace("target: point", "target: image #!")), tmp_path)
    says(finding, "p", "target", "'image' has shape [3, 8, 8]", "a single pixel")
    (finding,) = wrong(plasticity(HEBBIAN.replace("source: hidden", "source: image") + " #!"), tmp_path)
    says(finding, "p", "parameter", "shape [5, 4, 4, 4]", "[5, 3, 8, 8]")
    (finding,) = wrong(plasticity(HEBBIAN.replace("[[sp, hidden_point, W_0_0]]", "[[np, point, b]] #!")), tmp_path)
    says(finding, "p", "parameter", "the weight of a synapse-pool")
    (warning,) = odd(plasticity(HEBBIAN[:-1] + ", [np, point, b]] #!"), tmp_path)
    says(warning, "p", "parameter", "only the first")


@pytest.mark.parametrize(
    ("keys", "parameter", "words"),
    [
        ("ppp: [[4]]", "W_0_0", ["w.W_0_0 reads a projection of its source ('ppp')"]),
        ("ppp: [[2]]", "W_0_0", ["w.W_0_0 has shape [5, 2, 4, 4]", "[5, 4, 4, 4]"]),
        ("ppp: [[5]]", "P_0_0", ["found P_0_0", "the weight of a synapse-pool"]),
        ("M: [5, 1]", "W_0_0", ["w.W_0_0 leads to hidden features ('M')"]),
        ("M: [5, 1]", "M", ["found M;", "the weight of a synapse-pool"]),
        ("bias_shapes: [full]", "b_0", ["found b_0"]),
        ("noise: normal", "noise_std", ["found noise_std"]),
        ("weight_shapes: [[feature]]", "W_0_0", ["w.W_0_0 has shape [5, 4, 1, 1]", "[5, 4, 4, 4]"]),
        ("weight_shapes: [[feature]], unshare: [W_0_0]", "W_0_0", ["w.W_0_0 has shape [5, 4, 1, 1]"]),
        ("avgout: 2", "W_0_0", ["w.W_0_0 has shape [10, 4, 4, 4]"]),
    ],
)
def test_what_a_hebbian_plasticity_cannot_train(tmp_path: Path, keys: str, parameter: str, words: list[str]) -> None:
    text = HEBBIAN.replace("[sp, hidden_point, W_0_0]", f"[sp, w, {parameter}]") + " #!"
    synapse = f"    w: {{source: [[hidden]], target: point, {keys}}}"
    (finding,) = wrong(plasticity(text, synapses=synapse), tmp_path)
    says(finding, "p", "parameter", *words)


@pytest.mark.parametrize(
    "keys",
    [
        "unshare: [W_0_0], weight_fnc: [[exp]], pact: [[relu]], min W_0_0: 0, max W_0_0: 1",
        "share params: {W_0_0: [hidden_point, W_0_0]}",
        "rf: [[0]], ppp: [[0]], bias_shapes: [feature], ACT: relu",
    ],
)
def test_what_a_hebbian_plasticity_can_train(tmp_path: Path, keys: str) -> None:
    synapse = f"    w: {{source: [[hidden]], target: point, {keys}}}"
    load(plasticity(HEBBIAN.replace("hidden_point", "w"), synapses=synapse), tmp_path)


def test_the_ends_of_a_hebbian_plasticity_are_best_those_of_its_weight(tmp_path: Path) -> None:
    (warning,) = odd(plasticity(HEBBIAN.replace("target: point", "target: goal #!")), tmp_path)
    says(warning, "p", "target", "found 'goal'", "the target of hidden_point.W_0_0 is 'point'")
    text = plasticity(
        HEBBIAN.replace("hidden_point, W_0_0", "w, W_1_1").replace("source: hidden", "source: hidden #!"),
        pools="    other: {shape: [4, 4, 4]}",
        synapses="    w: {source: [[image], [hidden, other]], target: point}",
    )
    (warning,) = odd(text, tmp_path)
    says(warning, "p", "source", "found 'hidden'", "the source of w.W_1_1 is 'other'")


# --- interfaces and clients ---


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("type: randum #!\nin: []\nout: [image]", "type", ["interface type 'randum' does not exist", "'random'"]),
        ("type: random\nin: []\nout: [randm] #!\nremap: {randm: image}", "out", ["no topic 'randm'", "'random'"]),
        ("type: random\nin: [random] #!\nout: []\nremap: {random: image}", "in", ["reads no topic 'random'"]),
        ("type: random\nin: []\nout: []\nremap: {rando: image} #!", "remap", ["'rando' does not exist", "'random'"]),
        ("type: random\nin: []\nout: []\nremap: [image] #!", "remap", ["a mapping"]),
        ("type: random\nin: []\nout: []\ndistribution: cauchy #!", "distribution", ["bernoulli, normal, uniform"]),
        ("type: random\nin: []\nout: []\nmode: 7 #!", "mode", ["found the number 7"]),
        (
            "type: roman_numerals\nin: []\nout: [rn_label]\nremap: {rn_label: hidden} #!",
            "remap",
            ["[4, 4, 4]", "[10, any, any]"],
        ),
    ],
)  # fmt: skip
def test_interfaces(tmp_path: Path, text: str, key: str, words: list[str]) -> None:
    (finding,) = wrong(interface(text), tmp_path)
    says(finding, "i", key, *words)


def test_an_unused_topic_of_remap_is_odd(tmp_path: Path) -> None:
    (warning,) = odd(interface("type: random\nin: []\nout: []\nremap: {random: image} #!"), tmp_path)
    says(warning, "i", "remap", "neither in 'in' nor in 'out'")


def test_topics_in_the_same_space_and_in_multiples(tmp_path: Path) -> None:
    text = graph(
        pools="    a: {shape: [1, 56, 28]}\n    b: {shape: [10, 28, 28]}\n    c: {shape: [1, 30, 28]}",
        interfaces="""
    i:
        type: mnist_segmentation
        source_file: mnist.pkl.gz
        in: []
        out: [seg_mnist_image, seg_mnist_label]
        remap:
            seg_mnist_image: a
            seg_mnist_label: b #!
""",
    )
    (finding,) = wrong(text, tmp_path)
    says(finding, "i", "remap", "'b' has shape [10, 28, 28]", "seg_mnist_image", "[56, 28]")
    text = text.replace("image: a", "image: c #!").replace(
        "        out: [seg_mnist_image, seg_mnist_label]", "        out: [seg_mnist_image]"
    )
    (finding,) = wrong(text.replace("            seg_mnist_label: b #!\n", ""), tmp_path)
    says(finding, "i", "remap", "multiples of 28")


@pytest.mark.proves("top.core_clients", "cc.type")
@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("{type: lr_schedule, plast: learn}", "type", ["type 'lr_schedule' does not exist", "'lr_scheduler'"]),
        ("{type: lr_scheduler, plast: lern}", "plast", ["the plasticity 'lern' does not exist", "'learn'"]),
        ("{type: lr_scheduler}", "plast", ["'plast' is missing"]),
        (
            "{type: trainvaltest, main_interface: x, main_plasticity: learn}",
            "main_interface",
            ["interface 'x' does not exist"],
        ),
        ("5", "", ["found the number 5"]),
    ],
)  # fmt: skip
def test_core_clients(tmp_path: Path, text: str, key: str, words: list[str]) -> None:
    (finding,) = wrong(graph(more=f"core_clients:\n    c: {text} #!\n"), tmp_path)
    says(finding, "c", key, *words)
    (finding,) = wrong(graph(more="core_clients: [c] #!\n"), tmp_path)
    says(finding, "", "core_clients", "a mapping")


@pytest.mark.parametrize("key", ["backend", "seed", "random_seed"])
def test_top_level_values(tmp_path: Path, key: str) -> None:
    (finding,) = wrong(graph(more=f"{key}: torch #!\n"), tmp_path)
    says(finding, "", key, "found the text 'torch'")


@pytest.mark.proves("top.seed", "top.random_seed")
def test_one_seed_is_enough(tmp_path: Path) -> None:
    text = graph(more="random_seed: 3\nseed: 4 #!\n")
    (warning,) = odd(text, tmp_path)
    says(warning, "", "seed", "no effect beside 'random_seed'")
    assert load(text, tmp_path).random_seed == 3


# --- timing of interfaces ---

NUMERALS = """
    i:
        type: roman_numerals
        in: [rn_pred]
        out: [rn_image]
        remap: {rn_image: eye, rn_pred: answer}
"""


def numerals(*lines: str) -> str:
    """A path of two synapse-pools: the first answer that can be right comes at delay 3."""
    return graph(
        pools="    eye: {shape: [1, 8, 8]}\n    middle: {shape: [4, 1, 1]}\n    answer: {shape: [10, 1, 1]}",
        synapses="    a: {source: [[eye]], target: middle}\n    b: {source: [[middle]], target: answer}",
        interfaces=NUMERALS + "".join(f"        {line}\n" for line in lines),
    )


@pytest.mark.parametrize(
    ("line", "key", "words"),
    [
        (
            "conf-mat window: 3",
            "conf-mat window",
            ["with 3 the last delay is 2", "right answers begin at delay 3", "least 4"],
        ),
        (
            "min_duration: 2",
            "min_duration",
            ["with 2 the last delay is 2", "from 'eye' to 'answer' takes 2 frames", "least 3"],
        ),
    ],
)
def test_answers_that_come_too_late_are_a_warning(tmp_path: Path, line: str, key: str, words: list[str]) -> None:
    (warning,) = odd(numerals(f"{line} #!"), tmp_path)
    says(warning, "i", key, *words)
    enough = line.replace("3", "4").replace("2", "3")
    assert load(numerals(enough), tmp_path).warnings == ()
    assert load(numerals(line, "period: 2"), tmp_path).warnings == ()  # its delays are no frames
    unread = numerals(line).replace("in: [rn_pred]", "in: []").replace(", rn_pred: answer", "")
    assert load(unread, tmp_path).warnings == ()


@pytest.mark.parametrize(
    ("lines", "key", "words"),
    [
        (["min_duration: 9", "max_duration: 8 #!"], "max_duration", ["found 8; allowed: at least 'min_duration', 9"]),
        (["max_duration: 8 #!"], "max_duration", ["found 8; allowed: at least 'min_duration', 16"]),
        (["min_duration: 30 #!"], "min_duration", ["found 30; allowed: at most 'max_duration', 24"]),
    ],
)
def test_durations_in_order(tmp_path: Path, lines: list[str], key: str, words: list[str]) -> None:
    (finding,) = wrong(numerals(*lines), tmp_path)
    says(finding, "i", key, *words)
