"""Making a session's processes misbehave: code that runs as soon as one of them imports a certain module."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent

import pytest

HOOK = """
import sys

class Finder:
    # Runs the code right after the named module was loaded.
    def find_spec(self, name, path, target=None):
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        from importlib.util import find_spec
        spec = find_spec(name)
        load = spec.loader.exec_module
        def exec_module(module):
            load(module)
            exec(CODE, vars(module))
        spec.loader.exec_module = exec_module
        return spec

if any(word == PROCESS for word in sys.orig_argv):
    sys.meta_path.insert(0, Finder())
"""

HANGS_IN_FRAME_3 = """
    kept = Draws.of
    def of(self, frame):
        if frame == 3:
            import threading
            threading.Event().wait()
        return kept(self, frame)
    Draws.of = of
"""
"""Code for a worker's module `runtime.draws`."""


def sabotage(folder: Path, patch: pytest.MonkeyPatch, process: str, module: str, code: str) -> None:
    """In processes started from now on with runtime module `process`: run the code inside `module` once it is loaded.

    folder: an empty one, which the processes will find `sitecustomize` in.
    """
    names = {
        "PROCESS": f"statestream.runtime.{process}",
        "MODULE": f"statestream.{module}",
        "CODE": dedent(code),
    }
    text = "".join(f"{name} = {value!r}\n" for name, value in names.items()) + HOOK
    (folder / "sitecustomize.py").write_text(text)
    patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]))
