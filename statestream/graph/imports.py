"""`import`: merges parts of other graph files into a graph, before anything is expanded.

An entry is [source, what]. The source is a file name without `.st_graph`, looked for in the folder of the importing
file and then in further folders. Its own imports are resolved first. What the importing file says itself always wins,
also for globals; an earlier import wins over a later one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from statestream.graph.findings import Collector, Mark, nearest, shorten
from statestream.graph.reader import read_file
from statestream.graph.tree import Node, shown
from statestream.graph.vocabulary import CLIENTS, SECTIONS

MAXIMAL_CHAIN = 20
"""Longest chain of files that import each other."""

MAXIMAL_ENTRIES = 1000
"""Most entries of one `import` list, and most files."""

WHOLE = ("modules", CLIENTS, "tag_specs", "globals")
"""Sections whose definitions are imported whole, and only if the importing file has none of that name."""

SUFFIX = ".st_graph"


class Importer:
    """Resolves the imports of a graph and, each once, of the files that it names.

    search: further folders. same(section, entries, key): whether entries of an item have the parameter `key` already.
    """

    def __init__(
        self, findings: Collector, search: Iterable[Path | str], same: Callable[[str, dict[str, Node], str], bool]
    ) -> None:
        self.findings = findings
        self.search = [Path(folder) for folder in search]
        self.same = same
        self.files: dict[str, Node | None] = {}
        self.chain: list[str] = []

    def resolve(self, root: Node, path: Path | None) -> Node:
        """The graph with its imports merged. path: its file, None for a dict."""
        entries = root.entries.get("import")
        if entries is None:
            return root
        if not isinstance(entries.value, tuple):
            self.findings.error(
                entries.mark, "", "import", f"found {shown(entries)}; allowed: a list of [source, what]"
            )
            return root
        if len(entries.value) > MAXIMAL_ENTRIES:
            self.findings.error(entries.mark, "", "import", f"there are more than {MAXIMAL_ENTRIES} imports")
            return root
        self.chain.append(os.path.realpath(path) if path else "")
        result = dict(root.entries)
        done: set[tuple[str, str]] = set()
        for entry in entries.value:
            self._one(result, entry, path.parent if path else Path(), done)
        self.chain.pop()
        return Node(result, root.mark, root.key)

    def _one(self, result: dict[str, Node], entry: Node, folder: Path, done: set[tuple[str, str]]) -> None:
        names = [each.value for each in entry.elements]
        if len(names) != 2 or not all(isinstance(name, str) and name for name in names):
            self.findings.error(entry.mark, "", "import", f"found {shown(entry)}; allowed: [source, what], two texts")
            return
        source, what = names
        if (source, what) in done:
            return
        done.add((source, what))
        other = self._load(source, folder, entry.mark)
        if other is not None:
            _Merge(self, result, other, entry.mark, source).take(what)

    def _load(self, source: str, folder: Path, mark: Mark) -> Node | None:
        """The file of that name with its own imports resolved; None, with a finding, if there is none."""
        folders = [folder, *self.search]
        name = source if source.endswith(SUFFIX) else source + SUFFIX
        path = next((each / name for each in folders if os.path.isfile(each / name)), None)
        if path is None:
            places = ", ".join(f"'{shorten(each)}'" for each in dict.fromkeys(map(str, folders)))
            message = f"'{shorten(name)}' is not there; looked for it in {places}"
            self.findings.error(mark, "", "import", message)
            return None
        real = os.path.realpath(path)
        if real in self.chain:
            loop = " -> ".join(Path(each).name for each in (*self.chain[self.chain.index(real) :], real))
            self.findings.error(mark, "", "import", f"the imports run in a circle: {shorten(loop, 200)}")
            return None
        if real not in self.files:
            if len(self.chain) >= MAXIMAL_CHAIN or len(self.files) >= MAXIMAL_ENTRIES:
                message = f"more than {MAXIMAL_CHAIN} files import each other in a chain, or {MAXIMAL_ENTRIES} in all"
                self.findings.error(mark, "", "import", message)
                return None
            self.files[real] = self._read(path, mark)
        return self.files[real]

    def _read(self, path: Path, mark: Mark) -> Node | None:
        root, _ = read_file(path, self.findings, mark)
        if root is None:
            return None
        if not isinstance(root.value, dict):
            self.findings.error(root.mark, "", "", f"found {shown(root)}; a graph is a mapping")
            return None
        for name in (*SECTIONS, *WHOLE):
            section = root.entries.get(name)
            if section is not None and not isinstance(section.value, dict):
                self.findings.error(section.place, "", name, f"found {shown(section)}; allowed: a mapping")
        return self.resolve(root, path)


class _Merge:
    """Merges one `what` of one file into the result."""

    def __init__(self, importer: Importer, result: dict[str, Node], other: Node, mark: Mark, source: str) -> None:
        self.findings, self.same = importer.findings, importer.same
        self.result, self.other, self.mark, self.source = result, other, mark, source
        self.note = f"imported by {mark}"

    def take(self, what: str) -> None:
        section, _, name = what.partition(".")
        if what in SECTIONS:
            self.items(what, None)
        elif what in WHOLE:
            self.definitions(what, None)
        elif section in WHOLE and name:
            self.definitions(section, name)
        elif section in SECTIONS and name:
            self.items(section, name)
        else:
            self.tagged(what)

    def definitions(self, section: str, name: str | None) -> None:
        """All definitions of a section, or one, where the result has none of that name."""
        known = self.entries(section)
        if name is not None and name not in known:
            message = f"'{shorten(self.source)}' has no '{shorten(name)}' in {section}{nearest(name, known)}"
            self.findings.error(self.mark, "", "import", message)
            return
        self.put(section, {key: each for key, each in known.items() if name in (None, key)}, whole=True)

    def items(self, section: str, tag: str | None) -> None:
        """The items of a section (with a tag), parameter by parameter."""
        chosen = {name: each for name, each in self.entries(section).items() if tag is None or tag in tags(each)}
        if tag is not None and not chosen:
            self.nothing(tag, (section,), ())
        self.put(section, chosen, whole=False)

    def tagged(self, tag: str) -> None:
        """All items with a tag, whole, where the result has none of that name."""
        found = False
        for section in SECTIONS:
            chosen = {name: each for name, each in self.entries(section).items() if tag in tags(each)}
            found |= bool(chosen)
            self.put(section, chosen, whole=True)
        if not found:
            self.nothing(tag, SECTIONS, (*SECTIONS, *WHOLE))

    def nothing(self, tag: str, sections: Iterable[str], words: Iterable[str]) -> None:
        """Report a tag that no item has. words: what else could have been meant."""
        known = {each for section in sections for item in self.entries(section).values() for each in tags(item)}
        message = f"nothing in '{shorten(self.source)}' has the tag '{shorten(tag)}'"
        hint = nearest(tag, [*sorted(known), *words]) or "; no item there has one (those of modules are made later)"
        self.findings.error(self.mark, "", "import", message + hint)

    def entries(self, section: str) -> dict[str, Node]:
        node = self.other.entries.get(section)
        return node.entries if node is not None else {}

    def put(self, section: str, chosen: dict[str, Node], whole: bool) -> None:
        present = self.result.get(section)
        if present is not None and not isinstance(present.value, dict):
            return  # wrong already, and reported by the checks
        own = dict(present.entries) if present is not None else {}
        for name, node in chosen.items():
            if name not in own:
                own[name] = node.noted(self.note)
            elif not whole and isinstance(own[name].value, dict):
                own[name] = self.filled(section, own[name], node)
        self.result[section] = Node(own, present.mark if present else self.mark, present.key if present else self.mark)

    def filled(self, section: str, item: Node, by: Node) -> Node:
        """The item with the parameters that it does not have yet."""
        entries = dict(item.entries)
        for key, each in by.entries.items():
            if not self.same(section, entries, key):
                entries[key] = each.noted(self.note)
        return Node(entries, item.mark, item.key)


def tags(item: Node) -> set[str]:
    """The tags of an item."""
    node = item.entries.get("tags")
    return {each.value for each in node.elements if isinstance(each.value, str)} if node else set()
