"""One frame, computed a second time from the specification alone: plain loops in float64, no tape, no engine.

It shares no code with statestream.numerics and reads only a network's expanded graph, so that an error there cannot
hide here. Derivatives are central differences of the loss. Slow, and meant for arrays of a few dozen elements.
"""

from __future__ import annotations

import copy
import math

import numpy as np

from numerics_reference_functions import ACTIVATIONS, ERF, ERRORS, softmax
from numerics_reference_kinds import pooled, transformed


def convolution(x, w, stride=(1, 1), dilation=1):
    """out[i] = sum_k x[i * stride + k * dilation - k_eff // 2] w[k]; w [O, C, kx, ky], or one of them per agent."""
    agents, _, width, height = x.shape
    w = w if w.ndim == 5 else np.stack([w] * agents)
    kx, ky = w.shape[3:]
    out = np.zeros((agents, w.shape[1], -(-width // stride[0]), -(-height // stride[1])))
    before = [((k - 1) * dilation + 1) // 2 for k in (kx, ky)]
    for i, j, k, m in np.ndindex(*out.shape[2:], kx, ky):
        p, q = i * stride[0] + k * dilation - before[0], j * stride[1] + m * dilation - before[1]
        if 0 <= p < width and 0 <= q < height:
            for a in range(agents):
                out[a, :, i, j] += w[a, :, :, k, m] @ x[a, :, p, q]
    return out


def spread(value, shape, agents, unshared):
    """A bias or gain with four axes."""
    lead = agents if unshared else 1
    own = value.shape[1:] if unshared else value.shape
    if shape == "full":
        return value.reshape(lead, *own)
    if shape == "feature":
        return value.reshape(lead, *own, 1, 1)
    return value.reshape(lead, 1, *own) if shape == "spatial" else value.reshape(lead, 1, 1, 1)


def named(value):
    return value not in (None, False, "None")


def entry(value, f, i=None, default=None):
    """What a key laid out as the inputs (or factors) says for one of them."""
    if isinstance(value, list):
        value = value[f] if i is None else value[f][i]
    return default if value is None else value


class Reference:
    """The network of a graph. values, draws: float arrays by the keys that a Step names."""

    def __init__(self, network, values, draws, split):
        self.graph, self.agents, self.split = network.expanded(), network.agents, split
        self.values = {key: np.asarray(value, np.float64) for key, value in values.items()}
        self.draws = {key: np.asarray(value, np.float64) for key, value in draws.items()}

    # -- parameters --------------------------------------------------------------------------------------------------
    def owner(self, item, name):
        shared = self.graph["synapse_pools"].get(item, {}).get("share params") or {}
        return self.owner(*shared[name]) if name in shared else (item, name)

    def parameter(self, item, name):
        item, name = self.owner(item, name)
        return self.values[item, "parameter", name]

    # -- pools -------------------------------------------------------------------------------------------------------
    def noisy(self, x, item, spec, prefix):
        kind = spec.get("noise")
        if not named(kind):
            return x
        drawn = self.draws["draw", item, prefix + "noise"]
        if kind == "normal":
            return x + self.parameter(item, "noise_mean") + self.parameter(item, "noise_std") * drawn
        if kind == "uniform":
            low, high = self.parameter(item, "noise_min"), self.parameter(item, "noise_max")
            return x + low + (high - low) * drawn
        return x + (drawn < self.parameter(item, "noise_prob"))

    def normalised(self, x, spec):
        batch = {"full": (0, 1, 2, 3), "spatial": (0, 2, 3), "feature": (0, 1), "scalar": (0,)}
        layer = {"full": (1, 2, 3), "spatial": (2, 3), "feature": (1,)}
        for kind, axes in (("batchnorm", batch), ("layernorm", layer)):
            if named(spec.get(f"{kind}_mean")):
                x = x - x.mean(axis=axes[spec[f"{kind}_mean"]], keepdims=True)
            if named(spec.get(f"{kind}_std")):
                x = x / np.sqrt(x.var(axis=axes[spec[f"{kind}_std"]], keepdims=True) + 1e-6)
        return x

    def neuron_pool(self, name, synapses, states, own, prefix=""):
        """The next state; own: what zoneout keeps."""
        spec = self.graph["neuron_pools"][name]
        shape = (self.agents, *spec["shape"])
        x = np.zeros(shape)
        for one in synapses:
            found = self.synapse_pool(one, states, prefix)
            x = x + found * (1 - x) if spec.get("binary") else x + found
        x = self.normalised(self.noisy(x, name, spec, prefix), spec)
        unshared = spec.get("unshare") or ()
        if named(spec.get("gain_shape")):
            x = x * spread(self.parameter(name, "g"), spec["gain_shape"], self.agents, "g" in unshared)
        if named(spec.get("bias_shape", "feature")):
            x = x + spread(self.parameter(name, "b"), spec.get("bias_shape", "feature"), self.agents, "b" in unshared)
        x = ACTIVATIONS[spec.get("act", "Id")](x)
        if "dropout" in spec:
            rate = self.parameter(name, "dropout")
            for agent in range(self.agents):
                if agent >= self.split:
                    x[agent] = x[agent] * (self.draws["draw", name, prefix + "dropout"][agent] >= rate) / (1 - rate)
        if "zoneout" in spec:
            keep = self.draws["draw", name, prefix + "zoneout"] < self.parameter(name, "zoneout")
            x = np.where(keep, own, x)
        return x

    def synapse_pool(self, name, states, prefix=""):
        spec = self.graph["synapse_pools"][name]
        features, *space = self.graph["neuron_pools"][spec["target"]]["shape"]
        binary = self.graph["neuron_pools"][spec["target"]].get("binary")
        full = (self.agents, features, *space)
        if "func" in spec:
            a, b = (states[source] for row in spec["source"] for source in row)
            return np.zeros(full) + FUNCTIONS[spec["func"]](a, b)
        if "pool" in spec or "TRANSFORMER" in spec.get("tags", ()):
            x, *controls = (
                ACTIVATIONS[entry(spec.get("pact"), f, i, "Id")](states[source])
                for f, row in enumerate(spec["source"])
                for i, source in enumerate(row)
            )
            found = pooled(x, spec["pool"]) if "pool" in spec else transformed(x, controls, space)
            return self.noisy(ACTIVATIONS[spec.get("ACT", "Id")](found), name, spec, prefix)
        groups = spec.get("avgout", 1), spec.get("maxout", 1)
        inner = spec["M"][0] if spec.get("M") else features * groups[0] * groups[1]
        product = np.ones((self.agents, inner, *space))
        for f, row in enumerate(spec["source"]):
            factor = entry(spec.get("factor_shapes"), f, default="full")
            total = np.zeros(self.reached(factor, inner, space))
            variance = np.zeros(total.shape)
            for i, source in enumerate(row):
                part = self.input(name, spec, (f, i), states[source], inner, space)
                total = total + part
                if binary:
                    squares = self.input(name, spec, (f, i), states[source], inner, space, power=2)
                    variance = variance + np.maximum(part - squares, 0)
            bias = entry(spec.get("bias_shapes"), f)
            if named(bias):
                unshared = f"b_{f}" in (spec.get("unshare") or ())
                b = spread(self.parameter(name, f"b_{f}"), bias, self.agents, unshared)
                total = total + (-b if binary else b)
            if binary:
                product = product * (1 + ERF(total / np.sqrt(variance + 1e-16) / math.sqrt(2))) / 2
            else:
                product = product * ACTIVATIONS[entry(spec.get("act"), f, default="Id")](total)
        for size, reduce in zip(groups, (np.mean, np.max), strict=True):
            grouped = [
                reduce(product[:, c : c + size], axis=1, keepdims=True) for c in range(0, product.shape[1], size)
            ]
            product = np.concatenate(grouped, axis=1)
        if spec.get("M"):
            product = convolution(product, self.parameter(name, "M"))
        product = ACTIVATIONS[spec.get("ACT", "Id")](product)
        return self.noisy(product, name, spec, prefix)

    def reached(self, shape, features, space):
        return (
            self.agents,
            features if shape in ("full", "feature") else 1,
            *(space if shape in ("full", "spatial") else (1, 1)),
        )

    def input(self, name, spec, place, x, inner, space, power=1):
        f, i = place
        reach = entry(spec.get("target_shapes"), f, i) or entry(spec.get("factor_shapes"), f, default="full")
        x = ACTIVATIONS[entry(spec.get("pact"), f, i, "Id")](x)
        if entry(spec.get("ppp"), f, i, 0):
            x = convolution(x, self.parameter(name, f"P_{f}_{i}"))
        _, sources, width, height = x.shape
        rf = entry(spec.get("rf"), f, i, 0)
        kernel = (rf, 1 if height == 1 else rf) if rf else (width, height)
        targets = inner if reach in ("full", "feature") else 1
        w, function = self.parameter(name, f"W_{f}_{i}"), ACTIVATIONS[entry(spec.get("weight_fnc"), f, i, "Id")]
        lead = (self.agents,) if f"W_{f}_{i}" in (spec.get("unshare") or ()) else ()
        w = np.stack([function(own) for own in w]) if lead else function(w)
        w = (np.zeros((*lead, targets, sources, *kernel)) + w) ** power
        x = x**power
        if not rf or (width, height) == (1, 1):
            return np.einsum("bcxy,bocxy->bo" if lead else "bcxy,ocxy->bo", x, w)[:, :, None, None]
        up = [max(t // s, 1) for s, t in zip((width, height), space, strict=True)]
        stride = [max(s // t, 1) for s, t in zip((width, height), space, strict=True)]
        larger = np.zeros((self.agents, sources, width * up[0], height * up[1]))
        for p, q in np.ndindex(*larger.shape[2:]):
            larger[:, :, p, q] = x[:, :, p // up[0], q // up[1]]
        return convolution(larger, w, stride, entry(spec.get("dilation"), f, i, 1))

    # -- frames and losses -------------------------------------------------------------------------------------------
    def incoming(self, pool):
        return [name for name, spec in self.graph["synapse_pools"].items() if spec["target"] == pool]

    def states(self):
        return {name: self.values[name, "state", ""] for name in self.graph["neuron_pools"]}

    def next_state(self, pool):
        states = self.states()
        return self.neuron_pool(pool, self.incoming(pool), states, states[pool])

    def rollout(self, spec):
        """Pools and synapse-pools of each step: back from what is judged, then without what nothing feeds (7.2)."""
        ends = [(spec["source"], spec["source_t"])]
        if spec.get("target") is not None:
            ends.append((spec["target"], spec["target_t"]))
        if spec.get("mask") is not None:
            ends.append((spec["mask"], ends[-1][1]))
        depth = max(step for _, step in ends)
        pools = [{pool for pool, step in ends if step == d} for d in range(depth + 1)]
        synapses = [set() for _ in range(depth + 1)]
        sources = {n: {s for r in one["source"] for s in r} for n, one in self.graph["synapse_pools"].items()}
        for d in range(depth, 0, -1):
            for pool in pools[d]:
                synapses[d] |= set(self.incoming(pool))
            for one in synapses[d]:
                pools[d - 1] |= sources[one]
        for d in range(1, depth):
            for pool in list(pools[d]):
                if not synapses[d] & set(self.incoming(pool)):
                    pools[d].remove(pool)
                    synapses[d + 1] = {one for one in synapses[d + 1] if pool not in sources[one]}
        return pools, synapses

    def steps(self, name, pools, synapses):
        """The states at each step of a rollout; what zones out keeps its last state that was computed."""
        needed = [set() for _ in pools]
        for d in range(len(pools) - 1, 0, -1):
            needed[d] |= pools[d] & self.judged(name, d)
            for one in synapses[d]:
                spec = self.graph["synapse_pools"][one]
                if spec["target"] in needed[d]:
                    needed[d - 1] |= {source for row in spec["source"] for source in row}
        found, latest = [self.states()], self.states()
        for d in range(1, len(pools)):
            found.append({})
            for pool in needed[d]:
                used = [one for one in self.incoming(pool) if one in synapses[d]]
                prefix = f"rollout/{name}/{d}/"
                found[d][pool] = self.neuron_pool(pool, used, found[d - 1], latest[pool], prefix)
            latest.update(found[d])
        return found

    def judged(self, name, step):
        """The pools that the loss looks at in a step."""
        spec = self.graph["plasticities"][name]
        ends = [(spec["source"], spec["source_t"]), (spec.get("target"), spec.get("target_t"))]
        ends.append((spec.get("mask"), spec["source_t"] if spec.get("target") is None else spec["target_t"]))
        return {pool for pool, time in ends if pool is not None and time == step}

    def variables(self, name):
        """What a plasticity reports and remembers."""
        spec = self.graph["plasticities"][name]
        if spec["type"] != "hebbian":
            losses = self.losses(name)
            return dict(zip(("loss0", "loss1") if len(losses) == 2 else ("loss",), losses, strict=True))
        moved = {}
        for role in ("source", "target"):
            moved[f"{role}(now)"] = self.values[spec[role], "state", ""]
            moved[f"{role}(now-1)"] = self.values[name, "variable", f"{role}(now)"]
        return moved

    def correlation(self, name):
        """The gradient of a Hebbian plasticity, from what it remembers: minus H, or H for the anti modes."""
        spec = self.graph["plasticities"][name]
        ((_, item, parameter),) = spec["parameter"]
        s, t, earlier = (
            self.values[name, "variable", memory] for memory in ("source(now-1)", "target(now)", "target(now-1)")
        )
        per_agent = np.zeros((self.agents, t.shape[1], *s.shape[1:]))
        for a, ct, cs, x, y in np.ndindex(*per_agent.shape):
            change = t[a, ct, 0, 0] - (earlier[a, ct, 0, 0] if spec["modus"].startswith("dt") else 0)
            per_agent[a, ct, cs, x, y] = change * s[a, cs, x, y]
        unshared = self.parameter(item, parameter).ndim == 5
        return (per_agent if unshared else per_agent.sum(axis=0)) * (1 if "anti" in spec["modus"] else -1)

    def losses(self, name):
        """(loss0, loss1) of a loss plasticity, (loss,) of a regularizer: the last is made small."""
        spec = self.graph["plasticities"][name]
        if spec["type"] == "L_regularizer":
            arrays = {self.owner(item, key): self.parameter(item, key) for _, item, key in spec["parameter"]}
            weights = [self.values[name, "parameter", key] for key in ("L1", "L2")]
            return (float(sum(weights[0] * np.abs(w).sum() + weights[1] * (w * w).sum() for w in arrays.values())),)
        steps = self.steps(name, *self.rollout(spec))
        x, y, end = steps[spec["source_t"]][spec["source"]], None, spec["source_t"]
        features = x.shape[1]
        if spec["loss_function"] not in ("minimize", "maximize"):
            y, end = steps[spec["target_t"]][spec["target"]], spec["target_t"]
            if "label_smoothing" in spec:
                share = self.values[name, "parameter", "label_smoothing"]
                y = (1 - share) * y + share / features
        error = ERRORS[spec["loss_function"]](x, y)
        if "confidence_penalty" in spec:
            p = softmax(x) if spec["loss_function"] == "softmax_cross_entropy" else x
            scale = features if spec["loss_function"] == "softmax_cross_entropy" else 1
            error = error + self.values[name, "parameter", "confidence_penalty"] * scale * p * np.log(
                np.maximum(p, 1e-6)
            )
        if spec.get("mask") is not None:
            error = error * steps[end][spec["mask"]][:, 0:1]
        learning = np.array([spec.get("ignore_split", False) or a >= self.split for a in range(self.agents)], float)
        parts = error.reshape(self.agents, -1).mean(axis=1) / self.agents  # their sum is the mean over all elements
        count = learning.sum()
        return (
            float((parts * (1 - learning)).sum() * self.agents / max(self.agents - count, 1)),
            float((parts * learning).sum() * self.agents / (count + 1e-6)),
        )

    def slope(self, name, key, place, step=1e-5):
        """The derivative of the loss at one element of a parameter's array; None at an edge, where there is none."""
        losses = []
        for shift in (-step, 0, step):
            moved = copy.copy(self)
            moved.values = {**self.values, key: self.values[key].copy()}
            moved.values[key][place] += shift
            losses.append(moved.losses(name)[-1])
        left, right = (losses[1] - losses[0]) / step, (losses[2] - losses[1]) / step
        return (left + right) / 2 if abs(left - right) <= 1e-6 + 0.01 * abs(left + right) else None


FUNCTIONS = {
    "B.sum(B.abs($00 - $10), axis=1, keepdims=True)": lambda a, b: np.abs(a - b).sum(axis=1, keepdims=True),
    "$00 * 2 - B.maximum($10, 0.5)": lambda a, b: a * 2 - np.maximum(b, 0.5),
}


def optimized(kind, gradient, memory, rates):
    """(increment, new memory) of one parameter. memory: t, m, v; rates: lr and the optimizer's own."""
    t, m, v = memory
    if kind == "grad_desc":
        return np.clip(-rates["lr"] * gradient, -1, 1), (t, m, v)
    if kind == "rmsprop":
        v = rates["rho"] * v + (1 - rates["rho"]) * gradient**2
        return -rates["lr"] * gradient / (np.sqrt(v) + 1e-7), (t + 1, m, v)
    first, second = rates["momentum"], rates["decay"]
    t = t + 1
    m, v = first * m + (1 - first) * gradient, second * v + (1 - second) * gradient**2
    corrected = rates["lr"] * np.sqrt(1 - second**t) / (1 - first**t)
    return -corrected * m / (np.sqrt(v) + 1e-6), (t, m, v)
