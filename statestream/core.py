"""The program, as it is started: `python core.py FILE` from this folder, from elsewhere, or as `statestream FILE`."""

from __future__ import annotations

import os
import sys


def leave_own_folder(path: list[str]) -> None:
    """Take this folder off a module path, and put the one that holds the package there.

    Python puts a script's folder in front of all others; there our `session`, `graph` or `settings` would stand in for
    other people's modules of that name, and be loaded a second time as modules of their own.
    """
    own = os.path.dirname(os.path.realpath(__file__))
    path[:] = [entry for entry in path if os.path.realpath(entry) != own]
    above = os.path.dirname(own)
    if above not in map(os.path.realpath, path):
        path.insert(0, above)


def main() -> int:
    """Run the program with the arguments of this process; returns its exit status."""
    leave_own_folder(sys.path)
    if sys.version_info < (3, 11):  # noqa: UP036  somebody may start it with an older one
        version = ".".join(map(str, sys.version_info[:2]))
        return _wrong_python(f"this is Python {version}, 3.11 to 3.13 are supported")
    try:
        from statestream.terminal.cli import main as terminal

        return terminal()
    except ModuleNotFoundError as error:
        # One of our own Python modules that is not there is a mistake of ours; what the set-up brings is not.
        name = error.name or ""
        if name.startswith("statestream") and not name.startswith("statestream.ccpp."):
            raise
        return _wrong_python(f"the module {name} is not installed for it")


def _wrong_python(why: str) -> int:
    print(
        f"statestream: {sys.executable} cannot run this: {why}.\n"
        "'make install' in the checkout makes an environment that can; then: . .venv/bin/activate",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
