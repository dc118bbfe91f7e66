"""The engines compute the networks that we have as plain numpy does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import statestream as sst
from nets import LEARNER, READER, changed
from numerics_networks import ORACLE_CASES, busy_network
from statestream.verification import Report
from test_runtime_frame_law import NETWORK
from test_runtime_plasticities import NETWORK as PLASTICITIES
from test_verification_operations import OPERATIONS, OPERATORS
from test_verification_rounding import AT_A_STEP

ENGINES = ("tensorflow", "theano")
BUSY = {
    "frames": NETWORK,
    "learner": LEARNER,
    "reader": READER,
    "two workers": changed(LEARNER, mid={"device": "cpu:1"}, flat={"device": "cpu:1"}),
    "at a step": AT_A_STEP,
    "plasticities": PLASTICITIES,
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def verified(network: Any, **options: Any) -> Report:
    # All tests of one process ask for the same number of threads, for TensorFlow has one only.
    report = sst.verify(network, ENGINES, threads=2, **options)
    assert report.passed, report.text
    assert [one.backend for one in report.backends] == list(ENGINES)
    assert not report.stopped
    return report


@pytest.mark.parametrize("case", ORACLE_CASES)
def test_networks_of_the_oracle(oracle: Path, case: str) -> None:
    report = verified(oracle / case / "net.st_graph", random_states=True)
    assert not report.zeros and not report.not_verified


def test_the_demo(root: Path) -> None:
    report = verified(root / "examples" / "demo.st_graph", agents=4)
    assert not report.zeros and not report.not_verified


@pytest.mark.parametrize("name", BUSY)
def test_busy_networks(name: str) -> None:
    verified(BUSY[name], seed=3, frames=14)


def test_a_network_with_many_paths() -> None:
    assert not verified(busy_network(), random_states=True, overrides={"y.noise": "uniform"}).zeros


def merged(probes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Networks with equal names of items side by side, as one."""
    result: dict[str, Any] = {}
    for number, network in enumerate(probes.values()):
        renamed = renamed_by(network, f"{number}_")
        result = {
            key: {**result.get(key, {}), **value} if isinstance(value, dict) else value
            for key, value in renamed.items()
        }
    return result


def renamed_by(network: dict[str, Any], suffix: str) -> dict[str, Any]:
    """A copy with the suffix behind the name of each item."""
    names = [name for section in network.values() if isinstance(section, dict) for name in section]

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key + suffix if key in names else key: renamed(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [renamed(entry) for entry in value]
        return value + suffix if value in names else value

    return {key: renamed(value) for key, value in network.items()}


def test_every_operation() -> None:
    probes = {name: one.network for name, one in {**OPERATIONS, **OPERATORS}.items()}
    report = verified(merged(probes), random_states=True, frames=4)
    assert not report.zeros and not report.not_verified
