"""What goes wrong with an interface."""

from __future__ import annotations


class InterfaceError(ValueError):
    """An interface cannot be used as asked. The message names it, what was found and what is allowed."""

    def __init__(self, interface: str, problem: str) -> None:
        super().__init__(f"interface {interface}: {problem}")
        self.interface = interface
        self.problem = problem
