"""Keras' layers: which can be read, and what their arrays are called, in the order in which Keras 3 numbers them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from statestream.external.errors import UnfitError
from statestream.graph.findings import listing, shorten

LONGEST = 1 << 24
"""Bytes that a description of a model may have: parsed, it needs some twenty times as much."""
_KERNEL = ("kernel", "bias")
CLASSES: dict[str, tuple[str, ...]] = {
    "Dense": _KERNEL,
    "Conv1D": _KERNEL,
    "Conv2D": _KERNEL,
    "DepthwiseConv2D": _KERNEL,
    "BatchNormalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "LayerNormalization": ("gamma", "beta"),
}
"""Readable layers. Others have arrays of other layouts, or of no use in a synapse-pool."""

_OPTIONS = {"bias": "use_bias", "gamma": "scale", "beta": "center"}
"""Arrays that a layer need not have, and the key of its configuration that says whether it does."""
_OTHER_NAMES = {"depthwise_kernel": "kernel"}
_CONTAINERS = ("Sequential", "Functional", "Model")
# Keras 3 names the groups of layers after their class: conv2d, conv2d_1, ...
_BY_GROUP = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(): name for name in CLASSES}


@dataclass(frozen=True)
class Layer:
    """What a file says about a layer. kind: its class, "" if unknown."""

    kind: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def container(self) -> bool:
        """Whether it is a model of layers."""
        return self.kind in _CONTAINERS

    def require_readable(self, name: str) -> None:
        """Raise UnfitError if it is known to be a layer of another kind."""
        if self.kind not in CLASSES:
            kind = (
                f"a layer of the class {shorten(self.kind)}" if self.kind else "of a class that the file does not say"
            )
            raise UnfitError(f"{name} is {kind}; layers that can be read: {listing(CLASSES)}")

    def variables(self, name: str, count: int) -> list[str]:
        """Names of its arrays in Keras' order, of which there are `count`. Raises UnfitError if that cannot be told."""
        self.require_readable(name)
        every = CLASSES[self.kind]
        chosen = [each for each in every if self.config.get(_OPTIONS.get(each, ""), True)]
        if len(chosen) != count and not self.config:
            chosen = [each for each in every if each not in _OPTIONS] if self.kind != "LayerNormalization" else []
        if len(chosen) != count:
            raise UnfitError(f"{name} has {count} arrays; which of {listing(every)} they are cannot be told")
        return chosen


def standard(parameter: str) -> str:
    """`kernel` for `kernel:0` and for names of older versions."""
    name = parameter.removesuffix(":0")
    return _OTHER_NAMES.get(name, name)


def class_of_group(group: str) -> str:
    """The class that Keras 3 named a group after (`conv2d_1` -> Conv2D); "" if it is none of CLASSES."""
    return _BY_GROUP.get(re.sub(r"_\d+$", "", group), "")


def layers(text: str) -> dict[str, Layer]:
    """Name -> layer, from a model's configuration (JSON); nothing in it is run. Names used twice are left out."""
    if len(text) > LONGEST:
        raise UnfitError(f"the configuration of the model is longer than {LONGEST} bytes")
    try:
        root = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise UnfitError("damaged file: the configuration of the model is no JSON") from error
    found: dict[str, Layer | None] = {}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            kind, config = node.get("class_name"), node.get("config")
            if isinstance(kind, str) and isinstance(config, dict) and isinstance(config.get("name"), str):
                name = config["name"]
                found[name] = None if name in found else Layer(kind, config)
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return {name: layer for name, layer in found.items() if layer is not None}
