"""Random small graphs that use every part of the mathematics together, for property tests (hypothesis)."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import strategies as st

from numerics_reference import FUNCTIONS
from numerics_reference_functions import ACTIVATIONS, ERRORS
from numerics_reference_kinds import pooled

FAMILIES = (((1, 1), (2, 2), (4, 4)), ((1, 1), (2, 1), (6, 1)), ((1, 1), (3, 2), (6, 4)), ((1, 1), (1, 3), (2, 6)))
SHAPES = ("full", "feature", "spatial", "scalar")
WEIGHT_SHAPES = (*SHAPES, "src_feature", "tgt_feature", "src_spatial", "tgt_spatial")
FINITE = tuple(name for name in ACTIVATIONS if name not in ("exp", "mexp", "square", "msquare"))
PLAIN = ("Id", "tanh", "sigmoid", "softplus", "relu", "leakyrelu", "softmax")


def rarely(draw, value, default):
    """The value in one case of four."""
    return value() if draw(st.integers(0, 3)) == 3 else default


def neuron_pool(draw, shape):
    spec = {"shape": shape, "act": draw(st.sampled_from(FINITE)), "init b": "normal", "init g": "normal"}
    bias, gain = draw(st.sampled_from((*SHAPES, False))), rarely(draw, lambda: draw(st.sampled_from(SHAPES)), False)
    spec |= {"bias_shape": bias, "gain_shape": gain}
    if not bias:
        del spec["init b"]
    if not gain:
        del spec["init g"]
    unshare = [name for name, there in (("b", bias), ("g", gain)) if there and draw(st.booleans())]
    for key in ("batchnorm_mean", "batchnorm_std", "layernorm_mean", "layernorm_std"):
        allowed = SHAPES if key.startswith("batch") else SHAPES[:3]
        spec[key] = rarely(draw, lambda allowed=allowed: draw(st.sampled_from(allowed)), False)
    noise = rarely(draw, lambda: draw(st.sampled_from(("normal", "uniform", "Bernoulli"))), None)
    if noise:
        spec |= {"noise": noise}
    if draw(st.integers(0, 5)) == 5:
        spec |= {"binary": True}
    for key in ("dropout", "zoneout"):
        rate = rarely(draw, lambda: draw(st.sampled_from((0.25, 0.75))), None)
        spec |= {key: rate} if rate else {}
    return spec | ({"unshare": unshare} if unshare else {})


def synapse_pool(draw, pools, target):
    """A pool with one to two factors of one to two inputs; every key in its full layout."""
    tx, ty = pools[target]["shape"][1:]
    spec = {"source": [], "target": target, "init": None}
    keys = ("rf", "dilation", "ppp", "pact", "weight_fnc", "weight_shapes", "target_shapes")
    inputs = {key: [] for key in keys}
    factors = {key: [] for key in ("act", "factor_shapes", "bias_shapes")}
    unshare = []
    for f in range(draw(st.integers(1, 2))):
        factor = draw(st.sampled_from(("full", "full", *SHAPES)))
        rows = {key: [] for key in ("source", *keys)}
        for i in range(draw(st.integers(1, 2))):
            source = draw(st.sampled_from(list(pools)))
            sx, sy = pools[source]["shape"][1:]
            smaller = {
                "full": SHAPES,
                "feature": ("feature", "scalar"),
                "spatial": ("spatial", "scalar"),
                "scalar": ("scalar",),
            }
            reach = draw(st.sampled_from(smaller[factor]))
            conv = reach in ("full", "spatial") or (tx, ty) == (1, 1)
            point = (sx, sy) == (1, 1) or (tx, ty) == (1, 1)
            rf = draw(st.sampled_from((0, 1) if point else (0, 1, 2, 3, 5))) if conv else 0
            dense = not rf or (sx, sy) == (1, 1)
            rows["source"].append(source)
            rows["rf"].append(rf)
            rows["dilation"].append(1 if dense else draw(st.integers(1, 2)))
            rows["ppp"].append(rarely(draw, lambda: 2, 0))
            rows["pact"].append(rarely(draw, lambda: draw(st.sampled_from(PLAIN)), "Id"))
            rows["weight_fnc"].append(rarely(draw, lambda: draw(st.sampled_from(PLAIN)), "Id"))
            rows["weight_shapes"].append(draw(st.sampled_from(("full", *WEIGHT_SHAPES))))
            rows["target_shapes"].append(reach)
            unshare += [f"W_{f}_{i}"] * rarely(draw, lambda: 1, 0)
            unshare += [f"P_{f}_{i}"] * (rows["ppp"][-1] and rarely(draw, lambda: 1, 0))
        spec["source"].append(rows.pop("source"))
        for key in keys:
            inputs[key].append(rows[key])
        bias = draw(st.sampled_from((None, *smaller[factor])))
        factors["act"].append(draw(st.sampled_from(PLAIN)))
        factors["factor_shapes"].append(factor)
        factors["bias_shapes"].append(bias)
        if bias:
            spec[f"init b_{f}"] = 0.3
            unshare += [f"b_{f}"] * rarely(draw, lambda: 1, 0)
    del spec["init"]
    spec |= inputs | factors | {"avgout": rarely(draw, lambda: 2, 1), "maxout": rarely(draw, lambda: 3, 1)}
    spec |= {"ACT": draw(st.sampled_from(FINITE))}
    if mixing := rarely(draw, lambda: [6, draw(st.integers(1, 3))], None):
        spec["M"] = mixing
    if draw(st.integers(0, 7)) == 7:
        spec |= {"noise": "normal"} if draw(st.booleans()) else {"noise": "uniform", "noise_max": 2}
    return spec | ({"unshare": unshare} if unshare else {})


def result(draw, pools, source):
    """What pooling and transformers have beside their own keys."""
    spec = {"pact": [[rarely(draw, lambda: draw(st.sampled_from(PLAIN)), "Id") for _ in row] for row in source]}
    spec |= {"ACT": draw(st.sampled_from(FINITE))}
    return spec | rarely(draw, lambda: {"noise": "normal"}, {})


def pooling(draw, pools):
    """A pool that pools one of the others into one that fits, if only into itself."""
    options = []
    for a in pools:
        for size, stride, padding in itertools.product((1, 2, 3, 5), (1, 2, 3), ("same", "valid")):
            pool = ["max", size, stride, padding]
            x = np.zeros((1, *pools[a]["shape"]))
            fits = padding == "same" or size <= min(x.shape[2], x.shape[3] if x.shape[3] > 1 else size)
            options += [(a, t, pool) for t in pools if fits and [*pooled(x, pool).shape[1:]] == pools[t]["shape"]]
    source, target, pool = draw(st.sampled_from([one for one in options if one[2][1] > 1] or options))
    spec = {"source": [[source]], "target": target, "pool": [draw(st.sampled_from(("max", "avg"))), *pool[1:]]}
    return spec | result(draw, pools, spec["source"])


def transformer(draw, pools):
    """A pool that samples one of the others; what says where are pools of its own, added to the others."""
    a, t = draw(st.sampled_from([(a, t) for a in pools for t in pools if pools[a]["shape"][0] == pools[t]["shape"][0]]))
    space = pools[t]["shape"][1:]
    wanted = draw(st.sampled_from(([[2, *space]], [[6, 1, 1]], [[1, 1, 1], [2, 1, 1]])))
    names = [f"c{number}" for number in range(len(wanted))]
    pools |= {name: neuron_pool(draw, shape) for name, shape in zip(names, wanted, strict=True)}
    source = [[a], *([name] for name in names)]
    return {"source": source, "target": t, "tags": ["TRANSFORMER"], **result(draw, pools, source)}


def weighted(spec):
    """Whether a synapse-pool has weights."""
    return not {"func", "pool", "tags"} & spec.keys()


def trainable(graph):
    """Entries for `parameter`: all that carry a slope."""
    for name, spec in graph["neuron_pools"].items():
        yield from (["np", name, key] for key, shape in (("b", "bias_shape"), ("g", "gain_shape")) if spec[shape])
        if spec.get("noise") == "normal":
            yield ["np", name, "noise_std"]
    for name, spec in graph["synapse_pools"].items():
        if not weighted(spec):
            continue
        for f, row in enumerate(spec["source"]):
            yield from (["sp", name, f"W_{f}_{i}"] for i in range(len(row)))
            yield from (["sp", name, f"P_{f}_{i}"] for i in range(len(row)) if spec.get("ppp", [[0, 0]] * 2)[f][i])
            if (spec.get("bias_shapes") or [None] * 2)[f]:
                yield ["sp", name, f"b_{f}"]
        if spec.get("M"):
            yield ["sp", name, "M"]


def correlated(graph):
    """(entry for `parameter`, source, target) of the weights that a Hebbian plasticity can train."""
    pools = graph["neuron_pools"]
    for name, spec in graph["synapse_pools"].items():
        plain = weighted(spec) and not spec.get("M") and spec.get("avgout", 1) == spec.get("maxout", 1) == 1
        if not plain or pools[spec["target"]]["shape"][1:] != [1, 1]:
            continue
        for f, row in enumerate(spec["source"]):
            for i, source in enumerate(row):
                whole = not spec.get("rf", [[0, 0]] * 2)[f][i] or pools[source]["shape"][1:] == [1, 1]
                whole &= not spec.get("ppp", [[0, 0]] * 2)[f][i]
                whole &= spec.get("weight_shapes", [["full"] * 2] * 2)[f][i] == "full"
                if whole and spec.get("target_shapes", [["full"] * 2] * 2)[f][i] in ("full", "feature"):
                    yield ["sp", name, f"W_{f}_{i}"], source, spec["target"]


OPTIMIZERS = ("grad_desc", "adam", "rmsprop")


def plasticity(draw, graph):
    """One of any type that the graph has something for."""
    weights = list(correlated(graph))
    kind = draw(st.sampled_from(("loss", "loss", "L_regularizer", *(("hebbian", "hebbian") if weights else ()))))
    spec = {"type": kind, "optimizer": draw(st.sampled_from(OPTIMIZERS)), "lr": 0.1}
    if kind == "loss":
        return spec | loss(draw, graph)
    if kind == "hebbian":
        entry, source, target = draw(st.sampled_from(weights))
        modus = draw(st.sampled_from(("hebbian", "anti_hebbian", "dt hebbian", "dt anti_hebbian")))
        return spec | {"modus": modus, "source": source, "target": target, "parameter": [entry]}
    parameters = draw(st.lists(st.sampled_from(list(trainable(graph))), min_size=1, max_size=6, unique_by=tuple))
    return spec | {"parameter": parameters, "L1": draw(st.sampled_from((0, 0.3))), "L2": 0.2}


def loss(draw, graph):
    """A loss over pools that are reached in their number of steps; may be refused by the graph's checks."""
    pools = graph["neuron_pools"]
    source = draw(st.sampled_from(list(pools)))
    shape = pools[source]["shape"]
    alike = [name for name in pools if pools[name]["shape"] == shape]
    masks = [name for name in pools if pools[name]["shape"][1:] in (shape[1:], [1, 1])]
    spec = {
        "loss_function": draw(st.sampled_from(list(ERRORS))),
        "source": source,
        "source_t": draw(st.integers(1, 3)),
        "ignore_split": draw(st.booleans()),
        "parameter": draw(st.lists(st.sampled_from(list(trainable(graph))), min_size=1, max_size=6, unique_by=tuple)),
    }
    if spec["loss_function"] not in ("minimize", "maximize"):
        spec |= {"target": draw(st.sampled_from(alike)), "target_t": draw(st.integers(0, 2))}
    if mask := rarely(draw, lambda: draw(st.sampled_from(masks)), None):
        spec["mask"] = mask
    for key in ("label_smoothing", "confidence_penalty"):
        spec |= rarely(draw, lambda key=key: {key: 0.2}, {})
    return spec


@st.composite
def graphs(draw, plasticities=3):
    """A graph of two to four pools, two to four synapse-pools and some plasticities, agents 1 to 3."""
    family = draw(st.sampled_from(FAMILIES))
    graph = {"name": "random", "agents": draw(st.integers(1, 3)), "backend": "numpy", "interfaces": {}}
    pools = graph["neuron_pools"] = {
        f"n{number}": neuron_pool(draw, [draw(st.integers(1, 3)), *draw(st.sampled_from(family))])
        for number in range(draw(st.integers(2, 3)))
    }
    synapses = graph["synapse_pools"] = {}
    for make in (pooling, transformer):
        if draw(st.integers(0, 2)) == 2:
            synapses[make.__name__] = make(draw, pools)
    for number in range(draw(st.integers(2, 4))):
        synapses[f"s{number}"] = synapse_pool(draw, pools, draw(st.sampled_from(list(pools))))
    if rarely(draw, lambda: True, False):  # a twin with the first one's weights
        twin = synapses["s0"]
        names = [f"W_{f}_{i}" for f, row in enumerate(twin["source"]) for i in range(len(row))]
        synapses["twin"] = {**twin, "share params": {name: ["s0", name] for name in names}}
    if draw(st.booleans()):  # a plain weight to a single pixel, which a Hebbian plasticity can train
        pools["point"] = neuron_pool(draw, [draw(st.integers(1, 3)), 1, 1])
        synapses["h"] = {"source": [[draw(st.sampled_from(list(pools)))]], "target": "point"}
        synapses["h"] |= {"unshare": ["W_0_0"]} if draw(st.booleans()) else {}
    same = [(a, b) for a in pools for b in pools if pools[a]["shape"] == pools[b]["shape"]]
    if rarely(draw, lambda: True, False):
        a, b = draw(st.sampled_from(same))
        text = draw(st.sampled_from(list(FUNCTIONS)))
        synapses["f"] = {"source": [[a], [b]], "target": a, "func": text}
    plans = {f"p{number}": plasticity(draw, graph) for number in range(plasticities)} if list(trainable(graph)) else {}
    graph["plasticities"] = plans
    return graph
