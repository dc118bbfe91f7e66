"""A session that only pretends, for tests of the terminal."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from statestream.session import Answer, Status


class FakeHandle:
    """Answers commands from a table: an Answer, an exception to raise, or a function of no arguments that gives one."""

    def __init__(self, answers: dict[str, Any] | None = None, **status: Any) -> None:
        self.answers = answers or {}
        self.asked: list[tuple[str, bool]] = []
        self.alive = True
        self.id = 7
        self.status = Status(**{"state": "paused", "frame": 0, "rate": 0.0, "remaining": 0, **status})
        kinds = {"eye": "np", "mid": "np", "eye_mid": "sp", "deep": "plast", "flat": "plast", "world": "if"}
        items = {name: SimpleNamespace(kind=kind) for name, kind in kinds.items()}
        self.network: Any = SimpleNamespace(
            name="fake",
            items=items,
            tags={"sense": ("eye",)},
            plasticities={name: items[name] for name in ("deep", "flat")},
        )
        self.arrays = {
            ("mid", "parameter"): ["b", "bias"],
            ("deep", "parameter"): ["lr", "momentum"],
            ("deep", "variable"): ["loss0", "loss1"],
            ("flat", "variable"): ["loss0", "loss1"],
        }
        self.values = {"deep": {"loss1": 0.123456}, "flat": {"loss1": 2.0}}

    @property
    def frame(self) -> int:
        return self.status.frame

    def names(self, item: str, kind: str) -> list[str]:
        return self.arrays.get((item, kind), [])

    def execute(self, text: str, wait: bool = True) -> Answer:
        self.asked.append((text, wait))
        answer = self.answers.get(text, Answer(""))
        if isinstance(answer, Callable):  # type: ignore[arg-type]
            answer = answer()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def __getitem__(self, name: str) -> Any:
        return SimpleNamespace(variable=self.values[name])
