"""Text or Python values -> a tree of nodes. YAML 1.2 by ruamel's parser; nothing is constructed but plain scalars.

The parser's events are turned into nodes one by one, without recursion and within fixed limits, so that a hostile file
is refused and does no more. Anchors, aliases and tags are refused: a graph has imports, modules and tag specs.
"""

from __future__ import annotations

import numbers
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from statestream.graph.findings import Collector, Mark, TooManyFindings, shorten
from statestream.graph.tree import BROKEN, MAXIMAL_DEPTH, MAXIMAL_VALUES, Node, shown

MAXIMAL_BYTES = 4 * 2**20
"""Largest graph file: a thousand times what is usual."""

_NULL = re.compile(r"null|Null|NULL|~|")
_TRUE, _FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"([-+]?)0([box])([0-9a-fA-F]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LONG_TAG = re.compile(r"(?<![^\s,\[{:?-])!\S{4000}")
"""The parser's time grows with the square of a tag's length; tags are refused anyway."""

_SPECIAL = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def scalar(text: str) -> Any:
    """The value of a plain scalar by the rules of YAML 1.2: null, bool, int, float or text."""
    if len(text) > 400:
        return text
    if _NULL.fullmatch(text):
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INT.fullmatch(text):
        return int(text)
    if based := _BASED.fullmatch(text):
        try:
            return int(based[1] + based[3], {"b": 2, "o": 8, "x": 16}[based[2]])
        except ValueError:
            return text
    if _FLOAT.fullmatch(text):
        return float(text)
    if special := _SPECIAL.fullmatch(text):
        return float("nan") if special[3] else float(f"{special[1]}inf")
    return text


class _Builder:
    """Makes nodes of the parser's events. Open collections wait on a stack, a mapping with its pending key."""

    def __init__(self, file: str, findings: Collector) -> None:
        self.file, self.findings = file, findings
        self.open: list[list[Any]] = []  # [mark, tuple-to-be or dict, pending key or None]
        self.count = 0
        self.result: Node | None = None

    def mark(self, event: Any) -> Mark:
        return Mark(self.file, event.start_mark.line + 1)

    def take(self, event: Any) -> bool:
        """Handle one event; False when the rest must not be read."""
        kind = type(event).__name__
        if getattr(event, "anchor", None) is not None:
            what = "an alias (*)" if kind == "AliasEvent" else "an anchor (&)"
            self.findings.error(self.mark(event), "", "", f"found {what} named '{shorten(event.anchor)}'; {_NO_REUSE}")
        if kind in ("ScalarEvent", "SequenceStartEvent", "MappingStartEvent") and event.tag is not None:
            tag = f"found the YAML tag '{shorten(event.tag)}'; a graph has plain values only: leave the tag out"
            self.findings.error(self.mark(event), "", "", tag)
        if kind in ("SequenceStartEvent", "MappingStartEvent"):
            if len(self.open) >= MAXIMAL_DEPTH:
                message = f"lists and mappings are nested deeper than {MAXIMAL_DEPTH} levels"
                self.findings.error(self.mark(event), "", "", message)
                return False
            self.open.append([self.mark(event), [] if kind == "SequenceStartEvent" else {}, None])
        elif kind in ("SequenceEndEvent", "MappingEndEvent"):
            mark, value, _ = self.open.pop()
            self.put(Node(tuple(value) if isinstance(value, list) else value, mark))
        elif kind == "ScalarEvent":
            self.put(Node(scalar(event.value) if event.implicit[0] else event.value, self.mark(event)))
        elif kind == "AliasEvent":
            self.put(Node(BROKEN, self.mark(event)))
        elif kind == "DocumentStartEvent" and self.result is not None:
            self.findings.error(self.mark(event), "", "", "a second YAML document begins; a file holds one graph")
            return False
        return self.below_limit(event)

    def below_limit(self, event: Any) -> bool:
        self.count += 1
        if self.count > MAXIMAL_VALUES:
            self.findings.error(self.mark(event), "", "", f"the file holds more than {MAXIMAL_VALUES} values")
        return self.count <= MAXIMAL_VALUES

    def put(self, node: Node) -> None:
        """Give a finished node to the collection it is in."""
        if not self.open:
            self.result = node
            return
        frame = self.open[-1]
        if isinstance(frame[1], list):
            frame[1].append(node)
        elif frame[2] is None:
            frame[2] = node
        else:
            key, frame[2] = frame[2], None
            # Of a value that is not there, the parser knows only where the next thing begins.
            self.enter(frame[1], key, Node(None, key.mark) if node.value is None else node)

    def enter(self, entries: dict[str, Node], key: Node, node: Node) -> None:
        """Put an entry into a mapping, unless its key is no text or there already."""
        name = key.value
        if not isinstance(name, str):
            if name is not BROKEN:
                self.findings.error(key.mark, "", "", f"found {shown(key)} as a key; a key must be a text")
        elif name in entries:
            first = entries[name].place.line
            self.findings.error(
                key.mark, "", name, f"the key '{shorten(name)}' is here twice; it was first given in line {first}"
            )
        else:
            entries[name] = Node(node.value, node.mark, key.mark)


_NO_REUSE = "a graph has none: values are reused by modules, tag_specs, globals and import"


def read_text(text: str, file: str, findings: Collector) -> Node | None:
    """The tree of a YAML text, or None (with a finding) when it cannot be parsed or is empty."""
    builder = _Builder(file, findings)
    line = 1
    if found := _LONG_TAG.search(text):
        message = "a YAML tag of more than 4000 characters; a graph has plain values only"
        findings.error(Mark(file, text.count("\n", 0, found.start()) + 1), "", "", message)
        return None
    try:
        for event in _events(text):
            line = event.start_mark.line + 1
            if not builder.take(event):
                return None
    except YAMLError as error:
        findings.error(Mark(file, _error_line(error, text, line)), "", "", f"this is not valid YAML: {_reason(error)}")
        return None
    except TooManyFindings:
        raise
    except Exception as error:
        # The parser's own slips on malformed text (an IndexError, say) are the text's fault all the same.
        findings.error(Mark(file, line), "", "", f"this is not valid YAML ({type(error).__name__}: {shorten(error)})")
        return None
    if builder.result is None or builder.result.value is None:
        findings.error(Mark(file, 1), "", "", "the file is empty: no dictionary (a YAML mapping) found")
        return None
    return builder.result


def _events(text: str) -> Iterator[Any]:
    return YAML(typ="safe", pure=True).parse(text)


def _error_line(error: YAMLError, text: str, line: int) -> int:
    """Line of a YAML error; the reader's errors know a position only."""
    for name in ("problem_mark", "context_mark"):
        mark = getattr(error, name, None)
        if mark is not None:
            return int(mark.line) + 1
    position = getattr(error, "position", None)
    return text.count("\n", 0, position) + 1 if isinstance(position, int) else line


def _reason(error: YAMLError) -> str:
    parts = [getattr(error, name, None) for name in ("context", "problem", "reason")]
    return shorten("; ".join(str(part) for part in parts if part) or type(error).__name__, 160)


def read_file(path: Path | str, findings: Collector, place: Mark | None = None) -> tuple[Node | None, str]:
    """Tree and text of a graph file. place: where the file was asked for, for the finding that it cannot be read."""
    file = str(path)
    where = place or Mark(file)
    try:
        # Not blocking: a pipe without a writer must not hold us.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                findings.error(where, "", "", f"'{shorten(file)}' is no regular file")
                return None, ""
            data = stream.read(MAXIMAL_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        findings.error(where, "", "", f"'{shorten(file)}' cannot be read: {reason}")
        return None, ""
    if len(data) > MAXIMAL_BYTES:
        findings.error(where, "", "", f"the file is larger than {MAXIMAL_BYTES // 2**20} MiB")
        return None, ""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{data[error.start]:02x} is not valid UTF-8; a graph is a UTF-8 text"
        findings.error(Mark(file, line), "", "", message)
        return None, ""
    return read_text(text, file, findings), text


def read_value(value: Any, file: str, findings: Collector) -> Node:
    """The tree of a Python value: mappings, lists, tuples, texts, numbers, booleans and None. No line numbers."""
    count = 0
    mark = Mark(file)

    def node(value: Any, depth: int, path: str) -> Node:
        nonlocal count
        count += 1
        if depth > MAXIMAL_DEPTH or count > MAXIMAL_VALUES:
            if count <= MAXIMAL_VALUES + 1:
                message = f"nested deeper than {MAXIMAL_DEPTH} levels, or more than {MAXIMAL_VALUES} values"
                findings.error(mark, "", path, message)
            return Node(BROKEN, mark)
        if isinstance(value, Mapping):
            entries = {}
            for key, each in value.items():
                if isinstance(key, str):
                    entries[str(key)] = node(each, depth + 1, path or key)
                else:
                    findings.error(mark, "", path, f"found {shown(key)} as a key; a key must be a text")
            return Node(entries, mark)
        if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview):
            return Node(tuple(node(each, depth + 1, path) for each in value), mark)
        return Node(_scalar_of(value, path), mark)

    def _scalar_of(value: Any, path: str) -> Any:
        if value is None or isinstance(value, bool | str):
            return str(value) if isinstance(value, str) else value
        if isinstance(value, numbers.Integral):
            return int(value)
        if isinstance(value, numbers.Real):
            with suppress(OverflowError):  # a huge fraction
                return float(value)
        findings.error(mark, "", path, f"found {shown(value)}; a graph has texts, numbers, booleans, lists, mappings")
        return BROKEN

    return node(value, 0, "")
