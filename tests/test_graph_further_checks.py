"""The checks that the specification's DO adds, and those that keep a later crash away: pools, sharing."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph_texts import (
    changed,
    graph,
    interface,
    load,
    odd,
    pool,
    says,
    synapse,
    wrong,
)

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


@pytest.mark.parametrize("line", ["period: 2", "at start: 1", "at_start: 2", "period: 2\nperiod offset: 1"])
def test_what_is_not_built_yet_is_said(tmp_path: Path, line: str) -> None:
    key, place = line.splitlines()[-1].split(":")[0], "source: [[image]]\ntarget: hidden\nrf: 1\n"
    *_, warning = odd(synapse(f"{place}{line} #!".replace("2\nperiod offset", "2 #!\nperiod offset")), tmp_path)
    says(warning, "s", key.replace("_", " ") if warning.parameter != key else key, "not built yet", "contributes")
    load(synapse(f"{place}period: 1\nat start: 0\nbottleneck: -1"), tmp_path, strict=True)
    (warning,) = odd(pool("shape: [1, 1, 1]\nbottleneck: 0.5 #!"), tmp_path)
    says(warning, "p", "bottleneck", "not built yet", "the period stays as given")


def test_ends_of_uniform_noise_are_in_order(tmp_path: Path) -> None:
    for lines, key in (("noise_min: 2 #!", "noise_min"), ("noise_min: 0\nnoise max: -1 #!", "noise max")):
        (finding,) = wrong(pool(f"shape: [1, 1, 1]\nnoise: uniform\n{lines}"), tmp_path)
        says(finding, "p", key, "found", "allowed: at")
    load(pool("shape: [1, 1, 1]\nnoise: uniform\nnoise_min: 2\nnoise_max: 2"), tmp_path)


def test_uniform_noise_from_0_to_0(tmp_path: Path) -> None:
    (warning,) = odd(synapse("source: [[image]]\ntarget: hidden\nrf: 1\nnoise: uniform #!"), tmp_path)
    says(warning, "s", "noise", "adds nothing", "'noise_max'")


@pytest.mark.parametrize(
    "lines", ["noise_min: 2 #!\nnoise: normal", "noise_std: 0.5 #!", "noise prob: 0.5 #!\nnoise: null"]
)
def test_noise_that_is_not_chosen(tmp_path: Path, lines: str) -> None:
    (warning,) = odd(pool(f"shape: [1, 1, 1]\n{lines}"), tmp_path)
    says(warning, "p", lines.split(":")[0], "has no effect without noise: ")


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
        ("M: [[1]]", "M", ["found [[1]]", "[hidden features, rf]"]),
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


@pytest.mark.proves("top.external_models")
@pytest.mark.parametrize(
    ("model", "key", "words"),
    [
        (
            "{type: kera, model_file: a.h5}",
            ".type",
            ["found the text 'kera'", "keras, safetensors", "did you mean 'keras'"],
        ),
        ("{type: 3, model_file: a.h5}", ".type", ["allowed: keras, safetensors"]),
        ("{model_file: a.h5}", "", ["'type' is missing", "type, model_file"]),
        ("{type: safetensors}", "", ["'model_file' is missing"]),
        ("{type: keras, model_file: [a]}", ".model_file", ["allowed: a text"]),
        ("{type: keras, model_file: ''}", ".model_file", ["allowed: a path"]),
    ],
)
def test_external_models_are_checked_without_their_files(
    tmp_path: Path, model: str, key: str, words: list[str]
) -> None:
    text = synapse("source: [[image]]\ntarget: hidden\ninit W_0_0: [vgg, conv1, kernel]")
    (finding,) = wrong(text + f"external_models: {{vgg: {model}}} #!\n", tmp_path)
    says(finding, "", f"external_models.vgg{key}", *words)


def test_an_unknown_key_of_an_external_model_is_a_warning(tmp_path: Path) -> None:
    text = synapse("source: [[image]]\ntarget: hidden")
    net = load(text + "external_models: {vgg: {type: keras, model_file: a.h5, modelfile: b}}\n", tmp_path)
    (warning,) = net.warnings
    says(warning, "", "external_models.vgg", "unknown key 'modelfile'", "did you mean 'model_file'")


@pytest.mark.parametrize(
    ("lines", "key", "words"),
    [
        ("dilation: [[2]] #!", "dilation", ["found 2 for input 'image', which is dense", "allowed: 1"]),
        ("rf: 1\ndilation: [[2]]", "", []),
        ("rf: 3\ndilation: [[2]]", "", []),
        (
            "factor_shapes: [feature]\ntarget_shapes: [[full]] #!",
            "target_shapes",
            ["'full' for input 'image'", "'feature'"],
        ),
        ("factor_shapes: [spatial]\ntarget_shapes: [[feature]] #!", "target_shapes", ["'feature'", "'spatial'"]),
        ("factor_shapes: [feature]\nrf: 3 #!", "rf", ["found 3 for input 'image', which is 'feature'", "0 (dense)"]),
        ("target_shapes: [[scalar]]\nrf: [[3]] #!", "rf", ["'scalar' and has no space"]),
        ("factor_shapes: [feature]\ntarget_shapes: [[scalar]]\nrf: 0", "", []),
        ("factor_shapes: [spatial]\nrf: 3", "", []),
        ("factor_shapes: [feature]\nrf: 3\nfunc: B.sum($00)", "", []),
    ],
)
def test_what_an_input_reaches(tmp_path: Path, lines: str, key: str, words: list[str]) -> None:
    """What numerics cannot compute is found in the graph already."""
    text = synapse(f"source: [[image]]\ntarget: hidden\n{lines}")
    if key:
        (finding,) = wrong(text, tmp_path)
        says(finding, "s", key, *words)
    else:
        load(text, tmp_path)


@pytest.mark.parametrize("nothing", ["null", "None"])
def test_a_bound_that_is_none(tmp_path: Path, nothing: str) -> None:
    load(synapse(f"source: [[image]]\ntarget: hidden\nmin W_0_0: {nothing}\nmax W_0_0: 0.5"), tmp_path)


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


def test_a_shared_parameter_has_no_start_value_and_bounds_of_its_own(tmp_path: Path) -> None:
    lines = "\n".join(f"{key} W_0_0: 0.5 #!" for key in ("init", "min", "max"))
    found = odd(synapse(f"source: [[image]]\ntarget: hidden\nrf: 3\n{OF_ANOTHER}\n{lines}"), tmp_path)
    for finding, key in zip(found, ("init", "min", "max"), strict=True):
        says(finding, "s", f"{key} W_0_0", "has no effect", "W_0_0 is shared")


def test_a_shared_number_has_no_value_of_its_own(tmp_path: Path) -> None:
    noisy = "{source: [[image]], target: hidden, rf: 3, noise: normal, "
    lines = f"a: {noisy} noise_std: 0.5}}\nb: {noisy} noise std: 2, share params: {{noise_std: [a, noise_std]}}}} #!"
    (finding,) = odd(graph(synapses="\n" + "\n".join(f"    {line}" for line in lines.split("\n"))), tmp_path)
    says(finding, "b", "noise std", "has no effect", "noise_std is shared")


OF_ANOTHER = "share params: {W_0_0: [image_hidden, W_0_0]}"


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
