"""What is fed to a hand-written loop: numerals drawn and scored as the demo does it, or a pool drawn beforehand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from loops.demo import AGENTS
from statestream import load_graph
from statestream.interfaces import load

Feed = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.st_graph"


def predrawn() -> Feed:
    """A new image every 7 frames from a pool; costs next to nothing, and nothing is scored."""
    generator = np.random.default_rng(0)
    images = (generator.random((10, AGENTS, 1, 32, 32), dtype=np.float32) > 0.88).astype(np.float32)
    labels = np.eye(10, dtype=np.float32)[generator.integers(0, 10, (10, AGENTS))]
    count = 0

    def feed(_: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        nonlocal count
        count += 1
        return images[count // 7 % 10], labels[count // 7 % 10]

    return feed


def numerals() -> Feed:
    """The demo's interface called in the loop itself: draws the numerals, scores the predictions."""
    network = load_graph(DEMO, backend="numpy")
    interface = load("roman_numerals")(network, "roman_numerals", 1)
    interface.initialize()
    copies = [{spec.key[2]: interface.initial(spec.key) for spec in interface.variables()} for _ in range(2)]
    parameters = {spec.key[2]: float(interface.initial(spec.key)) for spec in interface.parameters()}
    state = {topic: np.zeros(interface.shapes[topic], np.float32) for topic in ("rn_image", "rn_label", "rn_pred")}
    count = 0

    def feed(prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        nonlocal count
        state["rn_pred"] = prediction.reshape(AGENTS, 10, 1, 1)
        inputs = {topic: state[topic] for topic in interface.inputs}
        following = copies[(count + 1) % 2]
        interface.step(count, copies[count % 2], inputs, parameters, 0, following)
        count += 1
        return following["rn_image"], following["rn_label"].reshape(AGENTS, 10)

    return feed
