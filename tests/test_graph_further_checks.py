"""The checks that the specification's DO adds, and those that keep a later crash away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from graph_texts import graph, load, odd, says, wrong
from test_graph_checks import COMPLETE, changed, interface, plasticity, synapse

from statestream.graph import GraphError


def pool(text: str) -> str:
    """The graph with one more neuron-pool `p`, given line by line."""
    return graph(pools="    p:\n" + "\n".join(f"        {line.strip()}" for line in text.strip().splitlines()))


# --- names and values ---


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("[4, 4]", ["found a list with 2 entries", "[features, X, Y]"]),
        ("[4, 0, 1]", ["found the number 0", "at least 1"]),
        ("[4, 2.5, 1]", ["found the number 2.5"]),
        ("[4, true, 1]", ["found true"]),
        ("[4, wide, 1]", ["found the text 'wide'"]),
        ("4", ["found the number 4"]),
        ("", ["found nothing"]),
        ("[100000, 100000, 100000]", ["neurons"]),
    ],
)
def test_shape(tmp_path: Path, value: str, words: list[str]) -> None:
    (finding,) = wrong(pool(f"shape: {value} #!"), tmp_path)
    says(finding, "p", "shape", *words)


def test_shape_is_there(tmp_path: Path) -> None:
    (finding,) = wrong(graph(pools="    p: {features: 3} #!"), tmp_path)
    says(finding, "p", "shape", "'shape' is missing")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("rel", ["the activation 'rel' does not exist", "did you mean 'relu'"]),
        ("'B.rel($)'", ["the function 'rel' does not exist", "'relu'"]),
        ("'B.relu($, tresh=0.5)'", ["relu has no keyword 'tresh'", "'thresh'"]),
        ("'B.relu()'", ["an expression with $"]),
        ("'B.relu($, 1, 2)'", ["relu is called with 3 values", "1 to 2"]),
        ("'B.relu($00)'", ["the placeholder $00", "does not exist"]),
        ("'B.relu($'", ["is no expression", "ends"]),
        ("'tanh * sigmoid'", ["an expression with $"]),
        ("'__import__($)'", ["the function '__import__' does not exist"]),
        ("[tanh]", ["found a list"]),
        ("5", ["found the number 5"]),
    ],
)
def test_activations(tmp_path: Path, value: str, words: list[str]) -> None:
    (finding,) = wrong(pool(f"shape: [1, 1, 1]\nact: {value} #!"), tmp_path)
    says(finding, "p", "act", *words)


@pytest.mark.parametrize("key", ["ACT", "act", "pact", "weight_fnc"])
def test_activations_of_synapse_pools(tmp_path: Path, key: str) -> None:
    value = {"ACT": "{}", "act": "[{}]"}.get(key, "[[{}]]")
    (finding,) = wrong(synapse(f"source: [[image]]\ntarget: hidden\n{key}: {value.format('tanhh')} #!"), tmp_path)
    says(finding, "s", key, "'tanhh' does not exist", "did you mean 'tanh'")
    load(synapse(f"source: [[image]]\ntarget: hidden\n{key}: {value.format('tanh')}"), tmp_path)


def test_weight_fnc_takes_names_only(tmp_path: Path) -> None:
    (finding,) = wrong(synapse("source: [[image]]\ntarget: hidden\nweight_fnc: [['B.tanh($)']] #!"), tmp_path)
    says(finding, "s", "weight_fnc", "does not exist")


@pytest.mark.parametrize(
    ("line", "key", "words"),
    [
        ("noise: gauss", "noise", ["normal, uniform, Bernoulli"]),
        ("noise_std: -1", "noise_std", ["at least 1e-16"]),
        ("dropout: 1.5", "dropout", ["from 0 to 1"]),
        ("dropout: lots", "dropout", ["found the text 'lots'", "a number from 0 to 1"]),
        ("zoneout: .nan", "zoneout", ["found nan"]),
        ("noise_mean: .inf", "noise_mean", ["found inf"]),
        ("noise_mean: 1e39", "noise_mean", ["32 bits"]),
        ("unshare: [w]", "unshare", ["allowed: b, g"]),
        ("unshare: b", "unshare", ["a list of texts"]),
        ("tags: x", "tags", ["a list of texts"]),
        ("tags: [1]", "tags", ["found the number 1 in the list"]),
        ("init b: nonsense", "init b", ["the start value 'nonsense' does not exist", "normal"]),
        ("init b: xavier", "init b", ["does not exist"]),
        ("binary: yes", "binary", ["true, false"]),
        ("backend: torch", "backend", ["numpy, tensorflow, theano"]),
        ("period: 0", "period", ["at least 1"]),
        ("at start: 3", "at start", ["0, 1, 2"]),
        ("share params: {b: [hidden, b]}", "share params", ["neuron-pools cannot share"]),
    ],
)
def test_values_of_neuron_pools(tmp_path: Path, line: str, key: str, words: list[str]) -> None:
    (finding,) = wrong(pool(f"shape: [1, 1, 1]\n{line} #!"), tmp_path)
    says(finding, "p", key, "found" if key not in ("init b", "share params") else "", *words)


@pytest.mark.parametrize(("period", "offset", "fine"), [(1, 0, True), (3, 2, True), (1, 1, False), (3, 3, False)])
def test_offset_is_below_the_period(tmp_path: Path, period: int, offset: int, fine: bool) -> None:
    mark = "" if fine else "#!"
    text = pool(f"shape: [1, 1, 1]\nperiod: {period}\nperiod offset: {offset} {mark}")
    if fine:
        load(text, tmp_path)
    else:
        (finding,) = wrong(text, tmp_path)
        says(finding, "p", "period offset", f"found {offset} with period {period}", "never run")


@pytest.mark.parametrize("device", ["gpu0", "cuda0", "gpu", "cpu:", "gpu:-1", "gpu:x", "CPU", "cpu:01", "5", "gpu:0 "])
def test_device_syntax(tmp_path: Path, device: str) -> None:
    (finding,) = wrong(pool(f"shape: [1, 1, 1]\ndevice: '{device}' #!"), tmp_path)
    says(finding, "p", "device", f"'{device}'", "cpu, cpu:k, gpu:k")


@pytest.mark.parametrize("device", ["cpu", "cpu:0", "cpu:12", "gpu:0", "gpu:7"])
def test_devices_need_not_be_there(tmp_path: Path, device: str) -> None:
    assert load(pool(f"shape: [1, 1, 1]\ndevice: {device}"), tmp_path).group_of("p").device == device


@pytest.mark.parametrize(
    ("line", "key", "words"),
    [
        ("rf: -1", "rf", ["at least 0"]),
        ("rf: three", "rf", ["found the text 'three'"]),
        ("dilation: [[0]]", "dilation", ["at least 1"]),
        ("avgout: 0", "avgout", ["at least 1"]),
        ("M: [3]", "M", ["[hidden features, rf]"]),
        ("M: [a, b]", "M", ["[hidden features, rf]"]),
        ("weight_shapes: [[tgt_featur]]", "weight_shapes", ["did you mean 'tgt_feature'"]),
        ("target_shapes: [[src_feature]]", "target_shapes", ["full, feature, spatial, scalar"]),
        ("noise: Bernoulli", "noise", ["normal, uniform"]),
        ("init W_0_0: xaver", "init W_0_0", ["the start value 'xaver' does not exist", "'xavier'"]),
        ("init W_0_0: xavier_x", "init W_0_0", ["'x' in 'xavier_x' is no number"]),
        ("init W_0_0: normal_1", "init W_0_0", ["has 1 numbers after 'normal'", "0 or 2"]),
        ("init W_0_0: true", "init W_0_0", ["found true"]),
        ("init W_0_0: [model, layer, kernel]", "init W_0_0", ["external model 'model' does not exist"]),
        ("init W_0_0: [model]", "init W_0_0", ["[external model, layer, parameter]"]),
        ("init W_0_0: bilin", "init W_0_0", ["as many target as source features"]),
        ("init W_0_0: id_2", "init W_0_0", ["as many target as source features"]),
        ("init W_0_0: Id", "init W_0_0", ["a multiple of"]),
        ("min W_0_0: low", "min W_0_0", ["found the text 'low'"]),
        ("unshare: [W_1_0]", "unshare", ["no array parameter 'W_1_0'", "W_0_0"]),
        ("func: '$00 + $01'", "func", ["placeholder $01", "known: $00"]),
        ("func: 'B.summ($00)'", "func", ["the function 'summ' does not exist", "'sum'"]),
        ("tags: [TRANSFORMER]", "source", ["2 factors"]),
    ],
)
def test_values_of_synapse_pools(tmp_path: Path, line: str, key: str, words: list[str]) -> None:
    text = synapse(f"source: [[image]]\ntarget: hidden\n{line} #!")
    if key == "source":
        text = text.replace(" #!", "").replace(
            "source: [[image]]\n        target", "source: [[image]] #!\n        target"
        )
    (finding,) = wrong(text, tmp_path)
    says(finding, "s", key, *words)


@pytest.mark.parametrize("value", ["xavier_2.0", "normal_0_0.1", "uniform_-1_1", "one", "3", "-1e-3", "-0.5"])
def test_start_values_that_exist(tmp_path: Path, value: str) -> None:
    load(synapse(f"source: [[image]]\ntarget: hidden\ninit W_0_0: {value}"), tmp_path)


@pytest.mark.parametrize("value", ["id", "Id_0.5", "-id", "bilin", "loc_inh"])
def test_start_values_for_as_many_targets_as_sources(tmp_path: Path, value: str) -> None:
    load(synapse(f"source: [[hidden]]\ntarget: hidden\nrf: 3\nunshare: [W_0_0]\ninit W_0_0: {value}"), tmp_path)


def test_start_values_of_biases(tmp_path: Path) -> None:
    text = synapse("source: [[image]]\ntarget: hidden\nbias_shapes: [full]\ninit b_0: xavier #!")
    (finding,) = wrong(text, tmp_path)
    says(finding, "s", "init b_0", "for weights")
    load(text.replace("xavier #!", "normal_0_1"), tmp_path)


def test_start_value_from_an_external_model(tmp_path: Path) -> None:
    text = synapse("source: [[image]]\ntarget: hidden\ninit W_0_0: [vgg, conv1, kernel]")
    load(text + "external_models: {vgg: {type: keras, model_file: vgg.h5}}\n", tmp_path)
    (finding,) = wrong(text + "external_models: {vgg: 5} #!\n", tmp_path)
    says(finding, "", "external_models.vgg", "model_file")


def test_bounds_in_order(tmp_path: Path) -> None:
    (finding,) = wrong(synapse("source: [[image]]\ntarget: hidden\nmin W_0_0: 1\nmax W_0_0: 0.5 #!"), tmp_path)
    says(finding, "s", "max W_0_0", "found 0.5", "at least")


@pytest.mark.parametrize("rf", [2, 4])
def test_even_receptive_fields_are_allowed(tmp_path: Path, rf: int) -> None:
    load(synapse(f"source: [[image]]\ntarget: hidden\nrf: {rf}"), tmp_path)


def test_whole_floats_are_whole_numbers(tmp_path: Path) -> None:
    network = load(pool("shape: [4.0, 8.0, 8]"), tmp_path)
    assert network.shape("p") == (4, 8, 8) and all(type(length) is int for length in network.shape("p"))
    assert (
        load(synapse("source: [[image]]\ntarget: hidden\nrf: 3.0"), tmp_path).expanded()["synapse_pools"]["s"]["rf"]
        == 3
    )


# --- unknown keys ---


def test_unknown_keys_are_warnings(tmp_path: Path) -> None:
    (warning,) = odd(pool("shape: [1, 1, 1]\nbias_shap: full #!"), tmp_path)
    says(warning, "p", "bias_shap", "unknown parameter 'bias_shap'", "did you mean 'bias_shape'")
    (warning,) = odd(synapse("source: [[image]]\ntarget: hidden\nsources: [[image]] #!"), tmp_path)
    says(warning, "s", "sources", "'source'")
    (warning,) = odd(changed("parameters", "[]"), tmp_path)
    says(warning, "p", "parameters", "'parameter'")
    (warning,) = odd(interface("type: random\nin: []\nout: []\nmod: 0 #!"), tmp_path)
    says(warning, "i", "mod", "'mode'")
    (warning,) = odd(graph(more="neuron_pool: {} #!\n"), tmp_path)
    says(warning, "", "neuron_pool", "unknown key", "'neuron_pools'")


def test_a_bare_init_has_no_effect(tmp_path: Path) -> None:
    (warning,) = odd(synapse("source: [[image]]\ntarget: hidden\ninit: id #!"), tmp_path)
    says(warning, "s", "init", "unknown parameter 'init'")


def test_start_value_of_a_parameter_that_is_not_there(tmp_path: Path) -> None:
    (warning,) = odd(synapse("source: [[image]]\ntarget: hidden\ninit W_0_1: id #!"), tmp_path)
    says(warning, "s", "init W_0_1", "no array parameter 'W_0_1'", "'W_0_0'")


def test_keys_of_other_types_and_optimizers(tmp_path: Path) -> None:
    (warning,) = odd(changed("momentum", "0.9"), tmp_path)
    says(warning, "p", "momentum", "no effect", "optimizer adam")
    (warning,) = odd(changed("L1", "0.1"), tmp_path)
    says(warning, "p", "L1", "type L_regularizer")


@pytest.mark.parametrize("key", ["noise mean", "noise std"])
def test_both_spellings(tmp_path: Path, key: str) -> None:
    network = load(pool(f"shape: [1, 1, 1]\nnoise: normal\n{key}: 0.25"), tmp_path)
    name = key.replace(" ", "_")
    item = network.items["p"]
    assert item[name] == item[key] == item.get(name) == 0.25 and name in item and key in item
    assert network.expanded()["neuron_pools"]["p"] == {"shape": [1, 1, 1], "noise": "normal", key: 0.25}
    (finding,) = wrong(pool(f"shape: [1, 1, 1]\n{key}: 1\n{name}: 2 #!"), tmp_path)
    says(finding, "p", name if finding.parameter == name else key, "second time")


# --- sharing ---


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{W_9_9: [image_hidden, W_0_0]}", ["no parameter 'W_9_9' to share", "W_0_0"]),
        ("{W_0_0: [image_hiden, W_0_0]}", ["synapse-pool 'image_hiden' does not exist", "'image_hidden'"]),
        ("{W_0_0: [image_hidden, W_0_1]}", ["'image_hidden' has no parameter 'W_0_1'", "'W_0_0'"]),
        ("{W_0_0: [hidden_point, W_0_0]}", ["has shape [4, 3, 3, 3]", "[5, 4, 4, 4]", "equal"]),
        ("{W_0_0: image_hidden}", ["[other synapse-pool, its parameter]"]),
        ("{W_0_0: [s, W_0_0]}", ["in a circle"]),
        ("[W_0_0]", ["allowed: a mapping"]),
    ],
)
def test_shared_parameters(tmp_path: Path, value: str, words: list[str]) -> None:
    text = synapse(f"source: [[image]]\ntarget: hidden\nrf: 3\nshare params: {value} #!")
    (finding,) = wrong(text, tmp_path)
    says(finding, "s", "share params", *words)


def test_sharing_leads_to_the_owner(tmp_path: Path) -> None:
    text = graph(
        synapses="""
    a: {source: [[image]], target: hidden, rf: 3, share params: {W_0_0: [image_hidden, W_0_0]}}
    b: {source: [[image]], target: hidden, rf: 3, share params: {W_0_0: [a, W_0_0]}}
"""
    )
    network = load(text, tmp_path)
    assert network.parameter_owner("b", "W_0_0") == network.parameter_owner("a", "W_0_0") == ("image_hidden", "W_0_0")
    assert network.parameter_owner("hidden", "b") == ("hidden", "b")


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
        ("label_smoothing", "-1", ["at least 0"]),
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


def test_losses_without_a_target(tmp_path: Path) -> None:
    load(
        plasticity("type: loss\nloss_function: minimize\nsource: point\nsource_t: 1\nparameter: [[np, point, b]]"),
        tmp_path,
    )


@pytest.mark.parametrize(
    ("source_t", "words"),
    [
        (3, ["no signal reaches 'point' in exactly 3 frames", "1, 2"]),
        (7, ["in exactly 7 frames", "1, 2"]),
    ],
)
def test_source_is_reached_in_time(tmp_path: Path, source_t: int, words: list[str]) -> None:
    (finding,) = wrong(changed("source_t", str(source_t)), tmp_path)
    says(finding, "p", "source", *words)


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


# --- everything at once ---


def test_a_device_of_a_synapse_pool_is_ignored(tmp_path: Path) -> None:
    (warning,) = odd(synapse("source: [[image]]\ntarget: hidden\ndevice: gpu:1 #!"), tmp_path)
    says(warning, "s", "device", "'gpu:1' has no effect", "'hidden'")
    assert load(synapse("source: [[image]]\ntarget: hidden\ndevice: gpu:1"), tmp_path).group_of("s").device == "cpu"
    load(synapse("source: [[image]]\ntarget: hidden\ndevice: cpu"), tmp_path)


def test_all_findings_at_once_also_in_one_item(tmp_path: Path) -> None:
    text = """
name: broken
agents: none #!
neuron_pools:
    a:
        shape: [1, 1] #!
        act: tanhh #!
        bias_shape: fat #!
        dropout: 7 #!
    b: {shape: [1, 1, 1]}
    c-d: {shape: [1, 1, 1], period: 0} #!
synapse_pools:
    s:
        source: [[a], [nobody]] #!
        target: nowhere #!
        rf: [[x], [1]] #!
        act: [tanh] #!
        weight_fnc: [[Id], [nothing]] #!
        init W_0_0: what #!
    t: #!
plasticities:
    p:
        type: loss
        loss_function: MES #!
        source: b
        source_t: -1 #!
        lr: high #!
        parameter:
            - [sp, s] #!
            - [xx, b, b] #!
interfaces:
    i: #!
        type: random
        out: random #!
        mode: 9 #!
"""
    findings = wrong(text, tmp_path)
    assert {(each.item, each.parameter) for each in findings} == {
        ("", "agents"), ("a", "shape"), ("a", "act"), ("a", "bias_shape"), ("a", "dropout"),
        ("c-d", ""), ("c-d", "period"),
        ("s", "source"), ("s", "target"), ("s", "rf"), ("s", "act"), ("s", "weight_fnc"),
        ("s", "init W_0_0"), ("t", ""),
        ("p", "loss_function"), ("p", "source_t"), ("p", "lr"), ("p", "parameter"),
        ("i", "in"), ("i", "out"), ("i", "mode"),
    }  # fmt: skip
    assert [each.line for each in findings] == sorted(each.line or 0 for each in findings)


def test_a_bad_parameter_does_not_hide_checks_between_items(tmp_path: Path) -> None:
    text = synapse("source: [[hidden]]\ntarget: point\nrf: 3 #!\nACT: nothing #!\nppp: [[-1]] #!")
    assert len(wrong(text, tmp_path)) == 3


def test_a_graph_as_a_dict_has_no_lines() -> None:
    source: dict[str, Any] = {
        "name": "n", "agents": 2, "neuron_pools": {"a": {"shape": [1, 1]}},
        "synapse_pools": {}, "plasticities": {}, "interfaces": {},
    }  # fmt: skip
    (finding,) = wrong(source)
    assert tuple(finding) == ("<dict>", None, "a", "shape", finding.message)
    assert str(finding).startswith("<dict>: a.shape: found a list with 2 entries")
    source["neuron_pools"]["a"]["shape"] = (1, 1, 1)
    assert load(source).shape("a") == (1, 1, 1)


def test_there_is_an_end_to_findings(tmp_path: Path) -> None:
    pools = "".join(f"    p{i}: {{shape: [1, 1, 1], act: tanhh}} #!\n" for i in range(1000))
    with pytest.raises(GraphError) as caught:
        load(graph(pools=pools + "    q: {shape: 5}"), tmp_path)
    assert len(caught.value.findings) == 1001 and "the checks ended" in caught.value.findings[-1].message
    network = load(graph(pools=pools.replace("act: tanhh", "actt: tanh, acttt: tanh")), tmp_path)
    assert len(network.warnings) == 1000
