"""Every command and every script of the documentation works as it is printed there (tests/snippets.py says how)."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

import snippets

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
RUN = [name for name, page in zip(NAMES, PAGES, strict=True) if "```" in page.read_text(encoding="utf-8")]


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder that looks like the repository, so that commands work as printed, and that takes what they write."""
    for entry in ("Makefile", "README.md", "benchmarks", "docs", "examples", "statestream", "tools"):
        (tmp_path / entry).symlink_to(ROOT / entry)
    return tmp_path


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", RUN)
def test_page(name: str, workplace: Path) -> None:
    findings = []
    script = ""
    for block in snippets.blocks((ROOT / name).read_text(encoding="utf-8")):
        if "file" in block.options:
            (workplace / block.options["file"]).write_text(block.text, encoding="utf-8")
        if block.language == "python":
            script = (script if "continues" in block.options else "") + block.text
        if not block.ready or "tested by" in block.options:
            continue
        if block.language == "python":
            found = snippets.run_python(script, block, workplace)
        elif block.language == "console":
            found = snippets.run_console(block, workplace)
        else:
            continue
        findings += [f"{name}:{block.line}: {finding}" for finding in found]
    assert not findings, "\n\n".join(findings)


@pytest.mark.parametrize("name", RUN)
def test_page_is_well_formed(name: str) -> None:
    for block in snippets.blocks((ROOT / name).read_text(encoding="utf-8")):
        if block.language == "yaml":
            YAML(typ="safe", pure=True).load(block.text)
        if block.language == "console":
            listed = snippets.commands(block.text)
            assert listed, f"{name}:{block.line}: no command"
            homes = block.options.get("tested by", "")
            texts = [(ROOT / home.strip()).read_text(encoding="utf-8") for home in homes.split(",") if home]
            for command, _ in listed if homes else ():
                assert any(command in text for text in texts), f"{name}:{block.line}: {command} is not in {homes}"


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    for target in snippets.links(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{name}: {target}"


def test_expected_output_with_gaps() -> None:
    assert snippets.fits("a ... c\n", "a b\nb c  \n")
    assert snippets.fits("", "anything")
    assert not snippets.fits("a ... c\n", "a b d\n")
    assert not snippets.fits("a\n", "a\nb\n")


def test_a_wrong_console_block_is_noticed(tmp_path: Path) -> None:
    def findings(text: str, **options: str) -> list[str]:
        return snippets.run_console(snippets.Block(1, "console", text, options), tmp_path)

    assert findings("$ echo a\na\n$ cat <<X\n> b\n> X\nb\n") == []
    assert findings("$ (exit 2)\n", exit="2") == []
    assert len(findings("$ echo a\nb\n$ false\n$ true\n")) == 2
    assert "ended early" in findings("$ exit 3\n$ true\n")[0]


def test_a_wrong_script_is_noticed(tmp_path: Path) -> None:
    block = snippets.Block(1, "python", "")
    assert snippets.run_python("x = 1", block, tmp_path) == []
    assert "NameError" in snippets.run_python("x", block, tmp_path)[0]


@pytest.mark.parametrize("page", ["```sh\nls\n```", "```python\nx", "<!-- exist: 2 -->\n```console\n$ ls\n```"])
def test_pages_with_mistakes_are_refused(page: str) -> None:
    with pytest.raises(ValueError):
        snippets.blocks(page)
