"""Parameters that several interface types declare: those of every interface, and the usual groups of a few of them."""

from __future__ import annotations

from statestream.graph.catalogue import Parameter
from statestream.graph.common import ITEM

MODES = {"batch": 0, "single": 1, "epoch": 2, "test": 3}
"""Values of `mode`: random draws; agent 0's output for all agents; whole epochs in random order; the test set once."""

INTERFACE: tuple[Parameter, ...] = (
    *ITEM,
    Parameter("type", "text", required=True, help="which interface this is"),
    Parameter("in", "names", required=True, help="topics that are read from neuron-pools"),
    Parameter("out", "names", required=True, help="topics that are written to neuron-pools"),
    Parameter("remap", "mapping", default=None, help="topic -> neuron-pool, where their names differ"),
    Parameter(
        "mode", "int", default=0, minimum=0, maximum=3, array=True,
        help="0 batch, 1 single (all agents show agent 0's output), 2 epoch, 3 test",
    ),
    Parameter("auto_shm_write", "bool", default=True, help="accepted from older graphs; has no effect"),
    Parameter("screen_width", "int", default=800, minimum=1, help="width of the interface's window in pixels"),
    Parameter("screen_height", "int", default=600, minimum=1, help="height of the interface's window in pixels"),
)  # fmt: skip
"""The keys that an interface of any type may have."""


def durations(minimum: int, maximum: int) -> tuple[Parameter, ...]:
    """`min_duration` and `max_duration` of a stimulus in frames, with these defaults."""
    return (
        Parameter("min_duration", "int", default=minimum, minimum=1, array=True, help="shortest stimulus in frames"),
        Parameter(
            "max_duration", "int", default=maximum, minimum=1, array=True, not_below="min_duration",
            help="longest stimulus in frames, not below min_duration",
        ),
    )  # fmt: skip


def fading(default: int = 4) -> Parameter:
    """`fading`: number of frames over which a stimulus fades in, and out again."""
    return Parameter(
        "fading", "int", default=default, minimum=0, array=True, help="frames of fading in, and of fading out"
    )


def confusion(window: int = 9) -> tuple[Parameter, ...]:
    """The sizes of the temporal confusion matrix."""
    return (
        Parameter("conf-mat window", "int", default=window, minimum=1, help="delays in frames that are measured"),
        Parameter("conf-mat mean over", "int", default=32, minimum=1, help="frames that the measurement averages"),
    )
