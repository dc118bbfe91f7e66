"""The user's settings: where they live, what they are called, what they default to."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

FILE = "stcore.yml"


class SettingsError(RuntimeError):
    """The settings file cannot be used: which file, what was found, what is allowed."""


@dataclass(frozen=True)
class Settings:
    """Everything that `stcore.yml` may hold, with its default."""

    default_backend: str = "theano"
    """Engine of a graph that names none."""
    random_seed: int = 42
    """Session seed where neither the command nor the graph gives one."""
    threads: int = 0
    """Threads of each worker's engine; 0 shares the machine's cores among the workers."""
    save_path: str = ""
    """Folder of saved networks; empty for the current one."""


def home() -> Path:
    """The folder of settings, logs and compiled code: $STATESTREAM_HOME, else ~/.statestream."""
    given = os.environ.get("STATESTREAM_HOME")
    return Path(given).expanduser().absolute() if given else Path.home() / ".statestream"


def load() -> Settings:
    """Read the settings; a missing file is written with the defaults, if it can be.

    SettingsError names what is wrong.
    """
    path = home() / FILE
    try:
        if not path.exists():
            _write_defaults(path)
            return Settings()
        found = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise SettingsError(f"{path}: {error}") from error
    if found is None:
        return Settings()
    if not isinstance(found, Mapping):
        raise SettingsError(f"{path}: found {type(found).__name__}, a mapping of settings is needed")
    return Settings(**{field.name: _value(path, field.name, field.default, found) for field in fields(Settings)})


def _value(path: Path, name: str, default: Any, found: Mapping[str, Any]) -> Any:
    value = found.get(name, default)
    if type(value) is not type(default):
        raise SettingsError(f"{path}: {name} is {value!r}, allowed is a value of type {type(default).__name__}")
    if isinstance(value, int) and value < 0:
        raise SettingsError(f"{path}: {name} is {value}, it must not be negative")
    return value


def _write_defaults(path: Path) -> None:
    lines = [f"{field.name}: {field.default!r}" for field in fields(Settings)]
    draft = path.with_name(f".{FILE}.{os.getpid()}.{threading.get_ident()}")
    # Without a place to write, the defaults hold all the same.
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
            draft.replace(path)  # whole at once: another process may be reading
        finally:
            draft.unlink(missing_ok=True)
