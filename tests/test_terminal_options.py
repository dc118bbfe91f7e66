"""The command line of the program."""

from __future__ import annotations

from pathlib import Path

import pytest

import statestream
from statestream import settings
from statestream.terminal.cli import main
from statestream.terminal.options import Options, parse, usage
from statestream.terminal.subcommands import SUBCOMMANDS


def test_all_options() -> None:
    found = parse([
        "net.st_graph", "--seed", "3", "--backend", "numpy", "--agents", "4", "--threads", "2", "--strict", "-e",
        "--json", "-c", "stream 5; exit", "--set", "loss.lr=1e-3", "--set", "pool.shape=[1, 2, 2]",
    ])  # fmt: skip
    assert found == Options(
        file="net.st_graph", seed=3, backend="numpy", agents=4, threads=2, strict=True, stop_at_failure=True, json=True,
        script="stream 5; exit", overrides=[("loss.lr", 1e-3), ("pool.shape", [1, 2, 2])],
    )  # fmt: skip


def test_subcommands() -> None:
    found = SUBCOMMANDS["check"].parse(["--strict", "net.st_graph", "--set", "a.b=1"])
    assert (found.file, found.strict, found.backend, found.overrides) == ("net.st_graph", True, None, [("a.b", 1)])
    assert parse(["./check"]) == Options(file="./check")


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_help_names_every_subcommand(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    subcommand = SUBCOMMANDS[name]
    assert f"statestream {name} {subcommand.usage}\n" in usage()
    assert subcommand.help in usage()
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert (end.value.code, capsys.readouterr().out.split("\n")[0]) == (
        0,
        f"usage: statestream {name} {subcommand.usage}",
    )


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_a_file_with_the_name_of_a_subcommand(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text("name: wrong")
    monkeypatch.chdir(tmp_path)
    assert main([f"./{name}"]) == 2
    assert capsys.readouterr().err.startswith(f"./{name}:1: ")


@pytest.fixture(autouse=True)
def no_signal_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statestream.terminal.cli.end_by_signals", lambda: None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4), ("7", 7), ("yes", "yes"), ("true", True), ("", None), ("null", None), ("a=b", "a=b"),
        ("{a: [1]}", {"a": [1]}), ("'5'", "5"), ("$ * 2", "$ * 2"), ("0o10", 8),
    ],
)  # fmt: skip
def test_values_are_read_as_in_a_graph(text: str, value: object) -> None:
    assert parse(["f", "--set", f"item.par ameter={text}"]).overrides == [("item.par ameter", value)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["f", "--sed", "1"], "unrecognized arguments: --sed 1"),
        (["f", "g"], "unrecognized arguments: g"),
        (["f", "--seed", "x"], "argument --seed: found 'x', a whole number of at least 0 is needed"),
        (["f", "--seed", "-1"], "argument --seed: found '-1', a whole number of at least 0"),
        (["f", "--agents", "0"], "argument --agents: found '0', a whole number of at least 1 is needed"),
        (["f", "-c"], "argument -c: expected one argument"),
        (["f", "--set", "lr=3"], "found 'lr=3', needed is ITEM.PARAMETER=VALUE"),
        (["f", "--set", "a.b"], "needed is ITEM.PARAMETER=VALUE"),
        (["f", "--set", "a.b=[1"], "this is not valid YAML"),
        (["f", "--set", "a.b=*x"], "'*x': found an alias"),
        (["f", "--set", "a.b=1\nc: 2"], "this is more than one value"),
        (["check"], "the following arguments are required: FILE ('statestream check --help' lists the options)"),
        (["check", "f", "--json"], "unrecognized arguments: --json"),
    ],
)
def test_a_wrong_option_is_one_clear_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    out, err = capsys.readouterr()
    assert (end.value.code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("statestream: ")
    assert said in err


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse([option])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert out == f"statestream {statestream.__version__}\n" if option == "--version" else "exit status:" in out


def test_without_a_file_settings_are_made_and_the_usage_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STATESTREAM_HOME", str(tmp_path / "home"))
    assert main([]) == 2
    assert settings.load() == settings.Settings()
    assert (tmp_path / "home" / "stcore.yml").exists()
    assert "usage: statestream" in capsys.readouterr().err
