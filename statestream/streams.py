"""Random streams: every draw of a session is a function of (session seed, item, purpose, frame) and nothing else."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np

from statestream.ccpp import _normal


@lru_cache(maxsize=4096)
def _key(seed: int, item: str, purpose: str) -> tuple[int, int]:
    # Length-prefixed parts: ("ab", "c") and ("a", "bc") must not share a key.
    parts = (str(seed), item, purpose)
    text = "".join(f"{len(part)}:{part}" for part in parts)
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:16], "little")


def stream(seed: int, item: str, purpose: str, frame: int = 0) -> np.random.Generator:
    """A generator of its own for one purpose of one item in one frame (frame 0 for initialisation).

    Philox is counter-based: the frame is the third of its four counter words, so two frames' numbers never overlap
    (each has 2**128 blocks), and any frame can be drawn without drawing those before it.
    """
    bits = np.random.Philox(key=np.array(_key(seed, item, purpose), dtype=np.uint64))
    state = bits.state
    state["state"]["counter"] = np.array([0, 0, frame, 0], dtype=np.uint64)
    bits.state = state
    return np.random.Generator(bits)


def fill_normal(generator: np.random.Generator, out: np.ndarray) -> None:
    """Fill a contiguous float32 array with standard normal numbers, in a third of the generator's own time."""
    bits = generator.integers(0, 2**64, (out.size + 1) // 2, dtype=np.uint64)
    _normal.fill(bits, out)


def fill_draw(seed: int, item: str, purpose: str, frame: int, distribution: str, out: np.ndarray) -> None:
    """Fill a contiguous float32 array with the draw of one purpose of one item in one frame.

    distribution: `normal` (mean 0, deviation 1) or `uniform` (from 0 to 1).
    """
    generator = stream(seed, item, purpose, frame)
    if distribution == "normal":
        fill_normal(generator, out)
    else:
        generator.random(dtype=np.float32, out=out)
