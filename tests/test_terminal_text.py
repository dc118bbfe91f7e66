"""Lines into commands, text that is safe to print, JSON that is valid."""

from __future__ import annotations

import json
import math
import os
import threading

import pytest

from statestream.terminal.lines import Lines
from statestream.terminal.text import commands, failure, json_line, one_line, safe


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("stream 500; show hidden_loss; exit", ["stream 500", "show hidden_loss", "exit"]),
        ("  state  ", ["state"]),
        ("", []),
        (" ;; ; ", []),
        ("# only a comment", []),
        ("stream 5 # five frames; exit", ["stream 5"]),
        ("show a#b", ["show a#b"]),
        ("capture start f #tag #other # and; more", ["capture start f #tag #other"]),
        ("stream 5 #", ["stream 5"]),
        ("stream 5; #exit", ["stream 5"]),
        ("capture start 'a;b # c' x; step", ["capture start 'a;b # c' x", "step"]),
        ('capture start "it\'s;" x', ['capture start "it\'s;" x']),
        ("set a b 'unclosed; exit", ["set a b 'unclosed", "exit"]),
        ("stream 1;#exit", [["stream 1", "#exit"][0], "#exit"]),
    ],
)
def test_commands_of_a_line(line: str, expected: list[str]) -> None:
    assert commands(line) == expected


def test_nothing_printed_is_obeyed_by_a_terminal() -> None:
    assert safe("a\x1b]0;title\x07b\n\tc\r\x9b2J") == "a?]0;title?b\n\tc??2J"


def test_a_message_is_one_line_and_never_endless() -> None:
    assert one_line("a\n  b\x1b") == "a b?"
    assert len(one_line("x" * 100_000)) == 2000
    assert failure("show " + "x" * 100_000, "no such item").endswith("...: no such item")
    assert len(failure("y" * 100_000, "z" * 100_000)) < 2100


def test_json_has_no_nan() -> None:
    line = json_line({"a": math.nan, "b": [math.inf, (1.5, {"c": -math.inf})], "d": "NaN"})
    assert json.loads(line, parse_constant=pytest.fail) == {"a": None, "b": [None, [1.5, {"c": None}]], "d": "NaN"}
    assert "\n" not in json_line({"text": "two\nlines"})


def test_lines_come_as_they_are_complete() -> None:
    reading, writing = os.pipe()
    lines = iter(Lines(reading))
    os.write(writing, b"first\nsec")
    assert next(lines) == "first"
    os.write(writing, b"ond\n\xff\xc3")
    assert next(lines) == "second"
    os.write(writing, b"\xa4 rest")
    os.close(writing)
    assert list(lines) == ["\ufffd\u00e4 rest"]
    os.close(reading)


def test_a_very_long_line() -> None:
    reading, writing = os.pipe()
    text = "x" * 300_000

    def write() -> None:
        with os.fdopen(writing, "w") as stream:
            stream.write(f"{text}\nend\n")

    thread = threading.Thread(target=write)
    thread.start()
    assert list(Lines(reading)) == [text, "end", ""]
    thread.join()
    os.close(reading)


def test_waiting_for_lines_can_be_stopped() -> None:
    reading, writing = os.pipe()
    lines = Lines(reading)
    threading.Timer(0.05, lines.stop).start()
    assert list(lines) == []
    os.close(reading)
    os.close(writing)
