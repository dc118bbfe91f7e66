"""Requests whose answers wait until a frame is complete, or until frames can be computed at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from statestream.runtime.server import Request


@dataclass(frozen=True)
class Waiter:
    """One of them, with its answer. target: the frame. ready: frames of whichever network will do."""

    request: Request
    target: int
    text: str = ""
    data: Any = None
    ready: bool = False


class Waiters:
    """All of them, in the order in which they asked."""

    def __init__(self) -> None:
        self._all: list[Waiter] = []

    def add(self, waiter: Waiter) -> None:
        """Another one."""
        self._all.append(waiter)

    def answer(self, frame: int) -> None:
        """So many frames are complete: answer those that waited for no more."""
        if self._all:
            done = [waiter for waiter in self._all if waiter.target <= frame]
            self._all = [waiter for waiter in self._all if waiter.target > frame]
            for waiter in done:
                waiter.request.answer(waiter.text, waiter.data)

    def fail(self, kind: str, error: str, *, but_ready: bool = False) -> None:
        """What they wait for will not come; kind as in Request.refuse. but_ready: leave out those of that sort."""
        failed = [waiter for waiter in self._all if not (but_ready and waiter.ready)]
        self._all = [waiter for waiter in self._all if but_ready and waiter.ready]
        for waiter in failed:
            waiter.request.refuse(kind, error)
