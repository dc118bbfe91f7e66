"""The main job: the demo network, as `make demo` starts it, learns to read within 600 frames, for every seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines import running

FIRST_INFORMATIVE = 5
"""Path length 4, plus one: the first delay at which the prediction can have seen the numeral."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("backend", ["tensorflow", "theano"])
def test_accuracy_at_the_first_informative_delay(root: Path, backend: str, seed: int) -> None:
    with running(backend, root / "examples" / "demo.st_graph", seed=seed) as session:
        session.step(600)
        accuracy = session["roman_numerals"].variable["_acc_"]
    assert accuracy[FIRST_INFORMATIVE] > 0.9
    # Before that, nobody can know: ten classes, and what was shown before.
    assert (accuracy[:FIRST_INFORMATIVE] < 0.3).all()
    # The demo shows each numeral for 7 frames, delays 0 to 6.
    assert (accuracy[7:] == 0).all()
