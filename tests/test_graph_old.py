"""Graphs in the manner of the original toolbox's examples load, with the warnings that they deserve and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph_texts import check_marks, load, says
from statestream.graph import GraphError

FOLDER = Path(__file__).parent / "old_graphs"
WARNINGS = {
    "benchmark": [],
    "cells": [],
    "epochs": [
        ("middle_loss", "parameter", "'out' lies outside the rollout of 3 frames"),
        ("long_loss", "parameter", "'out' lies outside the rollout of 4 frames"),
    ],
    "functions": [
        ("a", "init", "did you mean 'init W_0_0'?"),
        ("learn", "aleatoric_uncertainty", "unknown parameter"),
        ("learn", "parameter", "'drive' lies outside the rollout of 5 frames"),
    ],
    "letters": [("oscillator", "amlitude", "did you mean 'amplitude'?")],
    "sharing": [],
    "streets": [("fast", "bottleneck", "not built yet: the period stays as given")],
    "transformer": [],
    "world": [],
}


@pytest.mark.parametrize("name", WARNINGS)
def test_old_graphs_load(name: str) -> None:
    network = load(FOLDER / f"{name}.st_graph")
    found = network.warnings
    assert [(each.item, each.parameter) for each in found] == [(item, key) for item, key, _ in WARNINGS[name]]
    for finding, (item, key, words) in zip(found, WARNINGS[name], strict=True):
        says(finding, item, key, words)
    assert load(network.expanded()).expanded() == network.expanded()


def test_every_old_graph_is_listed() -> None:
    assert {path.stem for path in FOLDER.glob("*.st_graph")} == {*WARNINGS, "wrong"}


def test_an_old_graph_that_is_wrong_throughout() -> None:
    path = FOLDER / "wrong.st_graph"
    with pytest.raises(GraphError) as caught:
        load(path)
    check_marks(path.read_text(encoding="utf-8"), caught.value.findings, path)
    assert len(caught.value.findings) == 9


def test_cells_are_generated_and_chained() -> None:
    network = load(FOLDER / "cells.st_graph")
    assert network.items["second_take"]["source"] == (("first_out", "second_out"), ("first_out", "second_out"))
    assert network.items["first_keep"]["bias_shapes"] == (None, "full")
    assert network.distance("r2_a", "r2_a") == 3


def test_sums_in_globals_and_instances() -> None:
    network = load(FOLDER / "epochs.st_graph")
    assert network.shape("h1") == (8, 14, 14) and network.items["first"]["rf"] == 7
    assert network.items["middle_loss"]["lr"] == pytest.approx(1e-4)
    assert network.items["first"]["init W_0_0"] == ("vgg", "block1", "conv1/kernel:0")


@pytest.mark.parametrize("name", ["source_file", "source_path"])
def test_both_names_of_the_data(tmp_path: Path, name: str) -> None:
    text = (FOLDER / "sharing.st_graph").read_text(encoding="utf-8").replace("source_path:", f"{name}:")
    assert load(text, tmp_path, strict=True).interfaces["mnist"]["source_file"] == "/data/mnist.pkl.gz"
    text = (FOLDER / "transformer.st_graph").read_text(encoding="utf-8").replace("source_path:", f"{name}:")
    assert load(text, tmp_path, strict=True).interfaces["pictures"]["source_path"] == "/data/cifar-10-batches-py"
