"""Interface `roman_numerals`: images of Roman numerals I to X, drawn at random, with their labels. It needs no data.

Each agent shows one numeral at a time. It lasts duration + 1 frames (`_elapsed_` 0 to duration), duration being drawn
from min_duration to max_duration; the very first one is cut off at random, so that the agents do not change together.
Grey image: f·ink. Colour image: f·(fg·ink + bg·(1 − ink)), with a random fg and bg per numeral; f is the fading factor.
All agents get numerals of the same kind, whatever the split; modes 2 and 3 act like 0, as there is no set of samples.
In mode 1 all agents show what agent 0 shows. A change of mode gives all agents a new numeral.

Differences from the original: the first numeral is not blank, the triggers are cleared whether or not the answer is
read, colours are mixed by the ink, values reach 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from statestream.arrays import ArrayKey, ArraySpec
from statestream.graph.catalogue import InterfaceDeclaration, Timing, Topic
from statestream.interfaces.base import Array, Interface, Moment
from statestream.interfaces.common import confusion, durations, fading
from statestream.interfaces.numerals import NAMES, Drawings, draw
from statestream.interfaces.stimulus import fading_factor, pick, pick_each
from statestream.interfaces.temporal_confusion import StimulusRecord, TemporalConfusion

if TYPE_CHECKING:
    from statestream.graph import Network

IMAGE, LABEL, ANSWER = "rn_image", "rn_label", "rn_pred"
CLASSES = len(NAMES)

DECLARATION = InterfaceDeclaration(
    "roman_numerals",
    "Roman numerals I to X, drawn at random",
    inputs=(Topic(ANSWER, "the network's answer", (CLASSES, None, None)),),
    outputs=(
        Topic(IMAGE, "the numeral, grey or in colour", ((1, 3), None, None)),
        Topic(LABEL, "which numeral, one-hot at every pixel", (CLASSES, None, None)),
    ),
    parameters=(*durations(16, 24), fading(), *confusion()),
    timing=Timing(IMAGE, ANSWER, "conf-mat window", "min_duration"),
)

_MEMORY = ("_elapsed_", "_duration_", "_class_")
_NONE_YET = -1.0
"""Duration of an agent without a numeral."""


class RomanNumerals(Interface):
    """See the module. Variables: the outputs; `_trigger_` [agents], 1 in the frame in which an agent's numeral begins.

    With `rn_pred` among the inputs also `_conf_mat_` [window, 10, 10] and `_acc_` [window] (module temporal_confusion).
    """

    declaration = DECLARATION

    def __init__(self, network: Network, name: str, seed: int = 0) -> None:
        super().__init__(network, name, seed)
        self.record: StimulusRecord | None = None
        self.confusion: TemporalConfusion | None = None
        if ANSWER in self.inputs:
            self.record = StimulusRecord(self.agents, self.shapes[ANSWER][2:])
            window, mean_over = self.item["conf-mat window"], self.item["conf-mat mean over"]
            self.confusion = TemporalConfusion(CLASSES, window, mean_over)

    def variables(self) -> tuple[ArraySpec, ...]:
        """The public ones of the class's docstring, and what it remembers."""
        specs = [*super().variables(), self.variable("_trigger_", (self.agents,), meaning="1 where a numeral began")]
        specs += [self.variable(name, (self.agents,), internal=True) for name in _MEMORY]
        specs.append(self.variable("_mode_", (), internal=True))
        if IMAGE in self.outputs:
            specs.append(self.variable("_image_", self.shapes[IMAGE], internal=True))
        if self.confusion and self.record:
            measured = self.confusion
            specs += [self.variable(*entry, meaning=measured.help[entry[0]]) for entry in measured.measures.items()]
            memory = self.confusion.memory | self.record.shapes
            specs += [self.variable(*entry, internal=True) for entry in memory.items()]
        return tuple(specs)

    def initial(self, key: ArrayKey) -> Array:
        """As the base says; no agent has a numeral yet."""
        value = super().initial(key)
        if key[1:] == ("variable", "_duration_"):
            value[...] = _NONE_YET
        elif key[1:] == ("variable", "_mode_"):
            value[...] = self.initial((self.name, "parameter", "mode"))
        elif key[1] == "variable" and self.record and key[2] in self.record.shapes:
            value[...] = self.record.initial(key[2])
        return value

    def advance(self, moment: Moment, following: Mapping[str, Array]) -> None:
        """Score the answer to what was shown; then go on with each numeral, or draw the next."""
        previous = moment.previous
        if self.confusion:
            self.confusion.score(previous, following, moment.inputs[ANSWER])
        started = self._go_on(moment, following)
        self._show(moment, following)
        following["_trigger_"][:] = started
        following["_mode_"][...] = moment.parameters["mode"]
        if self.record:
            classes = following["_class_"].astype(np.int64)
            self.record.keep(previous, following, started, following["_elapsed_"], classes)

    def _go_on(self, moment: Moment, following: Mapping[str, Array]) -> np.ndarray:
        """Fill the memory; returns which agents begin a numeral [agents]."""
        previous = moment.previous
        begun = previous["_duration_"] >= 0
        if int(previous["_mode_"]) != int(moment.parameters["mode"]):
            begun = np.zeros_like(begun)
        elapsed = previous["_elapsed_"] + 1
        started = ~begun | (elapsed > previous["_duration_"])
        for name in (*_MEMORY, "_image_"):
            if name in following:
                following[name][:] = previous[name]
        following["_elapsed_"][:] = np.where(started, 0, elapsed)
        if started.any():
            self._begin(moment, following, started, begun)
        if moment.single:  # agents that share all memory also begin together
            for name in (*_MEMORY, "_image_"):
                if name in following:
                    following[name][1:] = following[name][:1]
        return started

    def _begin(self, moment: Moment, following: Mapping[str, Array], started: np.ndarray, begun: np.ndarray) -> None:
        """Give the started agents new numerals. begun [agents]: who had one before."""
        # One row of numbers per agent, used or not: what an agent is shown does not depend on the others.
        uniform = self.generator("numerals", moment.frame).random((self.agents, 9 + Drawings.DRAWS))
        limits = moment.parameters["min_duration"], moment.parameters["max_duration"]
        duration = pick(uniform[:, 0], *limits)
        duration = np.where(begun, duration, pick_each(uniform[:, 1], duration))
        classes = pick(uniform[:, 2], 0, CLASSES - 1)
        following["_duration_"][started] = duration[started]
        following["_class_"][started] = classes[started]
        if IMAGE not in self.outputs:
            return
        features, x, y = self.shapes[IMAGE][1:]
        ink = draw(Drawings.random(classes[started], uniform[started, 9:]), (x, y))[:, None]
        if features == 3:
            front = uniform[started, 3:6].astype(np.float32)[:, :, None, None]
            back = uniform[started, 6:9].astype(np.float32)[:, :, None, None]
            ink = front * ink + back * (1 - ink)
        following["_image_"][started] = ink

    def _show(self, moment: Moment, following: Mapping[str, Array]) -> None:
        """Fill the outputs from the memory."""
        if IMAGE in self.outputs:
            fade = fading_factor(following["_elapsed_"], following["_duration_"], moment.parameters["fading"])
            np.multiply(following["_image_"], fade[:, None, None, None], out=following[IMAGE])
        if LABEL in self.outputs:
            one_hot = following["_class_"][:, None] == np.arange(CLASSES)
            following[LABEL][:] = one_hot[:, :, None, None]
