"""The expansion of a graph: import -> modules -> tag specs -> globals. Every stage works on the last one's result."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from statestream.graph.findings import Collector, nearest, shorten
from statestream.graph.globals import apply_globals
from statestream.graph.imports import Importer, tags
from statestream.graph.modules import expand_modules
from statestream.graph.tree import MAXIMAL_VALUES, Node, shown, size
from statestream.graph.vocabulary import SECTIONS, TOP_LEVEL

Same = Callable[[str, dict[str, Node], str], bool]
"""(section, entries of an item, key) -> whether the item has that parameter already, in whatever spelling."""


def expand(root: Node, path: Path | None, search: Iterable[Path | str], same: Same, findings: Collector) -> Node:
    """The explicit graph. path: its file, for relative imports; search: further folders to import from."""
    root = Importer(findings, search, same).resolve(root, path)
    root = expand_modules(root, findings)
    root = _apply_tag_specs(root, same, findings)
    root = apply_globals(root, findings)
    _check_keys(root, findings)
    return root


def _apply_tag_specs(root: Node, same: Same, findings: Collector) -> Node:
    """Give items the parameters of their tags' specs, where they have none. Specs act in the order of the file."""
    specs = root.entries.get("tag_specs")
    if specs is None:
        return root
    if not isinstance(specs.value, dict):
        findings.error(specs.place, "", "tag_specs", f"found {shown(specs)}; allowed: a mapping of tags")
        return root
    sections = {
        section: dict(node.entries)
        for section in SECTIONS
        if (node := root.entries.get(section)) is not None and isinstance(node.value, dict)
    }
    tagged: dict[str, list[tuple[str, str]]] = {}
    for section, items in sections.items():
        for name, item in items.items():
            for tag in sorted(tags(item)):
                tagged.setdefault(tag, []).append((section, name))
    count = 0
    for tag, spec in specs.entries.items():
        if not isinstance(spec.value, dict):
            findings.error(spec.place, "", f"tag_specs.{tag}", f"found {shown(spec)}; allowed: a mapping of parameters")
            continue
        given = spec.noted(f"by tag spec '{shorten(tag)}'").entries
        cost = size(spec)
        for section, name in tagged.get(tag, ()):
            count += cost
            if count > MAXIMAL_VALUES:
                findings.error(
                    spec.place, "", f"tag_specs.{tag}", f"the tag specs make more than {MAXIMAL_VALUES} values"
                )
                return root
            item = sections[section][name]
            entries = dict(item.entries)
            entries |= {key: node for key, node in given.items() if not same(section, entries, key)}
            sections[section][name] = Node(entries, item.mark, item.key)
    result = dict(root.entries)
    for section, items in sections.items():
        result[section] = Node(items, result[section].mark, result[section].key)
    return Node(result, root.mark, root.key)


def _check_keys(root: Node, findings: Collector) -> None:
    """Warn of top-level keys without a meaning."""
    modules = root.entries.get("modules")
    known = [*TOP_LEVEL, *(modules.entries if modules else ())]
    for key, node in root.entries.items():
        if key not in known:
            findings.warn(node.place, "", key, f"unknown key '{shorten(key)}'{nearest(key, known)}")
