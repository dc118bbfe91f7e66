"""`globals`: puts the values of global names into the parameters of all items, and computes what then is arithmetic.

Every text of an item (alone, or in lists; not in mappings) is taken: each global whose name occurs in it, in the order
of the file, is replaced by its value's text; if the result is arithmetic, or True or False, that value is stored, else
the text.
"""

from __future__ import annotations

import re

from statestream.graph.arithmetic import arithmetic
from statestream.graph.expressions import ExpressionError
from statestream.graph.findings import Collector, Mark, shorten
from statestream.graph.tree import BROKEN, Node, shown
from statestream.graph.vocabulary import SECTIONS

MAXIMAL_TEXT = 4000
"""Longest text after replacing: globals that name each other grow fast."""

MAXIMAL_GLOBALS = 250
"""Most globals: every text of the graph is searched for each of them."""


def apply_globals(root: Node, findings: Collector) -> Node:
    """The graph with its globals in place. Sections that are no mappings are left as they are."""
    definitions = root.entries.get("globals")
    if definitions is None:
        return root
    if not isinstance(definitions.value, dict) or len(definitions.value) > MAXIMAL_GLOBALS:
        message = f"found {shown(definitions)}; allowed: a mapping of at most {MAXIMAL_GLOBALS} names"
        findings.error(definitions.place, "", "globals", message)
        return root
    substitution = _Substitution(definitions.entries, findings)
    result = dict(root.entries)
    for section in SECTIONS:
        node = result.get(section)
        if node is not None and isinstance(node.value, dict):
            items = {name: substitution.item(name, item) for name, item in node.entries.items()}
            result[section] = Node(items, node.mark, node.key)
    return Node(result, root.mark, root.key)


class _Substitution:
    def __init__(self, definitions: dict[str, Node], findings: Collector) -> None:
        self.findings = findings
        self.values: dict[str, Node] = {}
        for name, node in definitions.items():
            if isinstance(node.value, dict | tuple) or node.value is BROKEN or not name:
                message = f"found {shown(node)}; a global is a name with a number, a text or a boolean"
                findings.error(node.place, "", f"globals.{name}", message)
            else:
                self.values[name] = node
        self.any = re.compile("|".join(re.escape(name) for name in self.values) or r"(?!)")
        self.subject = ("", "")

    def item(self, name: str, item: Node) -> Node:
        if not isinstance(item.value, dict):
            return item
        entries = {}
        for key, node in item.entries.items():
            self.subject = (name, key)
            entries[key] = self.resolved(node)
        return Node(entries, item.mark, item.key)

    def resolved(self, node: Node) -> Node:
        if isinstance(node.value, tuple):
            return Node(tuple(self.resolved(each) for each in node.value), node.mark, node.key)
        return self.text(node, node.value) if isinstance(node.value, str) else node

    def text(self, node: Node, text: str) -> Node:
        used = []
        if self.any.search(text):
            for name, definition in self.values.items():
                if name in text:
                    used.append(name)
                    value = str(definition.value)
                    if len(text) + text.count(name) * len(value) > MAXIMAL_TEXT:
                        message = f"with its globals '{shorten(node.value)}' grows beyond {MAXIMAL_TEXT} characters"
                        self.findings.error(node.mark, *self.subject, message)
                        return Node(BROKEN, node.mark, node.key)
                    text = text.replace(name, value)
        return Node(_value(text), self.place(node, used), node.key)

    def place(self, node: Node, used: list[str]) -> Mark:
        """A value that is nothing but a global was written there; else it was written here, with globals."""
        if used == [node.value]:
            return self.values[used[0]].mark.noted(f"global '{shorten(used[0])}', used in {node.mark}")
        if not used:
            return node.mark
        names = ", ".join(f"'{shorten(name, 40)}' of {self.values[name].place}" for name in used[:5])
        return node.mark.noted(f"written as '{shorten(node.value)}' with global {names}")


def _value(text: str) -> int | float | bool | str:
    """The number or boolean that a text means, else the text."""
    if text in ("True", "False"):  # as a boolean global leaves it
        return text == "True"
    if not any(character.isdigit() for character in text):
        return text
    try:
        return arithmetic(text)
    except ExpressionError:
        return text
