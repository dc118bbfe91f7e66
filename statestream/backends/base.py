"""What every engine offers: the operations that numerics is written over (`_operations`), and compilation.

A backend is one module of this package (see `backends.load`). It holds a subclass of `Operations` and a subclass of
`Backend`; what the engine cannot do is listed in `Backend.unsupported`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from typing import Any, ClassVar, NoReturn

import numpy as np

from statestream.backends._operations import OPERATIONS, Operations, Tensor
from statestream.backends._shapes import Axis, BackendError, Pair, Span

__all__ = [
    "OPERATIONS",
    "Axis",
    "Backend",
    "BackendError",
    "Compiled",
    "Operations",
    "Pair",
    "Span",
    "StepFunction",
    "Tensor",
    "UnsupportedOperation",
]

StepFunction = Callable[["Operations", dict[Hashable, Tensor]], Mapping[Hashable, Tensor]]
Compiled = Callable[[Mapping[Hashable, np.ndarray]], dict[Hashable, np.ndarray]]


class UnsupportedOperation(BackendError):
    """An engine lacks an operation that a function asks for; raised while it is compiled."""

    def __init__(self, operation: str, backend: str, reason: str) -> None:
        super().__init__(f"backend {backend} has no {operation}: {reason}")
        self.operation = operation
        self.backend = backend
        self.reason = reason

    def __reduce__(self) -> tuple[type[UnsupportedOperation], tuple[str, str, str]]:
        return type(self), (self.operation, self.backend, self.reason)


class Backend(ABC):
    """One engine, ready to compile. Make it with `backends.load`."""

    name: str
    unsupported: ClassVar[Mapping[str, str]] = {}
    """Operations that the engine lacks, each with the reason. Whoever asks for one, another operation included, gets an
    UnsupportedOperation; what its class of operations has under that name is never called."""

    @abstractmethod
    def build(self, function: StepFunction, inputs: Mapping[Hashable, tuple[int, ...]]) -> Compiled:
        """`compile` without the checks of what is handed in at each call."""

    def compile(self, function: StepFunction, inputs: Mapping[Hashable, tuple[int, ...]]) -> Compiled:
        """Compile `function(operations, symbols) -> {key: tensor}` for float32 inputs of these shapes.

        The result takes `{key: array}` (C-contiguous float32, 64-byte aligned where that is possible;
        possibly read-only; keys that are not inputs are ignored) and returns `{key: array}`: C-contiguous
        float32 arrays that share no memory with the inputs and are valid at least until the next call. It
        calls no Python code of `function` that could see changed inputs: the inputs may change as soon as
        the call has returned. One thread calls it at a time.

        Raises BackendError: here if shapes do not fit inside `function`, or UnsupportedOperation if it asks
        for what the engine lacks; at a call if an input is missing, has another shape or is not C-contiguous
        float32.
        """
        expected = {key: tuple(shape) for key, shape in inputs.items()}
        run = self.build(self._with_gaps(function) if self.unsupported else function, expected)

        def call(arrays: Mapping[Hashable, np.ndarray]) -> dict[Hashable, np.ndarray]:
            for key, shape in expected.items():
                array = arrays.get(key)
                if array is None or array.shape != shape or array.dtype != np.float32 or not array.flags.c_contiguous:
                    raise BackendError(_complaint(key, shape, array))
            return run(arrays)

        return call

    def _with_gaps(self, function: StepFunction) -> StepFunction:
        """`function`, given operations of which the unsupported ones raise."""

        def raising(operation: str) -> Callable[..., NoReturn]:
            def refuse(*_: Any, **__: Any) -> NoReturn:
                raise UnsupportedOperation(operation, self.name, self.unsupported[operation])

            return refuse

        def guarded(operations: Operations, symbols: dict[Hashable, Tensor]) -> Mapping[Hashable, Tensor]:
            for operation in self.unsupported:
                setattr(operations, operation, raising(operation))
            return function(operations, symbols)

        return guarded


def _complaint(key: Hashable, shape: tuple[int, ...], array: np.ndarray | None) -> str:
    """What is wrong with one input of a call."""
    name = ".".join(str(part) for part in key if part) if isinstance(key, tuple) else str(key)
    if array is None:
        return f"input {name} is missing: float32 {shape} is needed"
    order = "" if array.flags.c_contiguous else ", not contiguous"
    return f"input {name}: {array.dtype} {array.shape}{order} given, contiguous float32 {shape} is needed"
