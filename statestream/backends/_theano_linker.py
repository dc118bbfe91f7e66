"""Runs a rewritten PyTensor graph with numpy: no C compiler, ready in a second.

Measured for the demo: PyTensor's C code takes 15 s to compile and then loses to numpy, whose exp, tanh and products are
vectorized; numba takes 24 s and is as quick. PyTensor's own Python linker is slow, as it allocates every result and has
no fast way for sums of more than two terms. Here each node becomes one call with its memory laid out beforehand, reused
as soon as nobody reads it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor.scalar as ps
from pytensor.compile.ops import DeepCopyOp
from pytensor.gradient import DisconnectedGrad
from pytensor.link.basic import Container, PerformLinker
from pytensor.link.utils import map_storage
from pytensor.scalar.basic import ScalarOp
from pytensor.tensor.basic import Alloc
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.shape import Reshape
from pytensor.tensor.special import LogSoftmax, Softmax
from pytensor.tensor.utils import import_func_from_string

from statestream.backends._theano_ops import FilledOp

Fill = Callable[..., Any]
"""fill(out, *arrays): computes a node's one result into `out`."""


def _chain(ufunc: Any) -> Fill:
    """A function of two operands for any number of them."""

    def fill(out: np.ndarray, first: np.ndarray, *others: np.ndarray) -> None:
        for other in others:
            first = ufunc(first, other, out=out)
        if not others:
            np.copyto(out, first)

    return fill


def _sigmoid(out: np.ndarray, x: np.ndarray) -> None:
    np.multiply(x, 0.5, out=out)
    np.tanh(out, out=out)
    np.multiply(out, 0.5, out=out)
    np.add(out, 0.5, out=out)


def _switch(out: np.ndarray, condition: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    np.copyto(out, b)
    np.copyto(out, a, where=condition if condition.dtype == bool else condition != 0)


def _copy(out: np.ndarray, x: np.ndarray, *_: Any) -> None:
    np.copyto(out, x, casting="unsafe")


SCALAR_FILLS: dict[type, Fill] = {
    ps.Add: _chain(np.add),
    ps.Mul: _chain(np.multiply),
    ps.Sigmoid: _sigmoid,
    ps.Softplus: lambda out, x: np.logaddexp(np.float32(0), x, out=out),
    ps.Switch: _switch,
    ps.Cast: _copy,
    ps.Identity: _copy,
    ps.Second: lambda out, _, x: _copy(out, x),
}


def _scalar_fill(op: ScalarOp, count: int, dtype: np.dtype[Any]) -> Fill | None:
    """How numpy computes an elementwise function of `count` operands; None if only PyTensor knows."""
    if type(op) in SCALAR_FILLS:
        return SCALAR_FILLS[type(op)]
    spec = getattr(op, "nfunc_spec", None)
    if not spec or spec[1:] != (count, 1):
        return None
    ufunc = import_func_from_string(spec[0])
    if not isinstance(ufunc, np.ufunc):
        return None
    if dtype.kind == "f":
        return lambda out, *arrays: ufunc(*arrays, out=out, dtype=dtype)
    return lambda out, *arrays: ufunc(*arrays, out=out)


def _sum_fill(axes: tuple[int, ...], rank: int) -> Fill:
    """A sum in single precision over the last axes, where numpy adds pairwise, and in double over the others."""
    tail = tuple(axis for axis in axes if set(range(axis, rank)) <= set(axes))
    head = tuple(axis for axis in axes if axis not in tail)

    def fill(out: np.ndarray, x: np.ndarray) -> None:
        if tail and head:
            x = np.add.reduce(x, axis=tail)
        if head:
            np.copyto(out, np.add.reduce(x, axis=head, dtype=np.float64), casting="same_kind")
        else:
            np.add.reduce(x, axis=tail, out=out)

    return fill


def _reduction_fill(node: Any) -> Fill | None:
    op, x = node.op, node.inputs[0]
    axes = tuple(range(x.type.ndim)) if op.axis is None else tuple(op.axis)
    if x.type.dtype != "float32" or node.outputs[0].type.dtype != "float32" or not axes:
        return None
    if isinstance(op.scalar_op, ps.Add):
        return _sum_fill(axes, x.type.ndim)
    ufunc = {ps.Maximum: np.maximum, ps.Minimum: np.minimum, ps.Mul: np.multiply}.get(type(op.scalar_op))
    return ufunc and (lambda out, x: ufunc.reduce(x, axis=axes, out=out))


def _softmax_fill(node: Any) -> Fill:
    axis = node.op.axis

    def fill(out: np.ndarray, x: np.ndarray) -> None:
        np.subtract(x, np.maximum.reduce(x, axis=axis, keepdims=True), out=out)
        np.exp(out, out=out)
        np.divide(out, np.add.reduce(out, axis=axis, keepdims=True), out=out)

    return fill


def _log_softmax_fill(node: Any) -> Fill:
    axis = node.op.axis

    def fill(out: np.ndarray, x: np.ndarray) -> None:
        np.subtract(x, np.maximum.reduce(x, axis=axis, keepdims=True), out=out)
        np.subtract(out, np.log(np.add.reduce(np.exp(out), axis=axis, keepdims=True)), out=out)

    return fill


MAKERS: dict[type, Callable[[Any], Fill | None]] = {
    Alloc: lambda node: _copy,
    DeepCopyOp: lambda node: _copy,
    LogSoftmax: _log_softmax_fill,
    Softmax: _softmax_fill,
}
"""Ops by type: node -> how its result is computed."""


def fill_of(node: Any) -> Fill | None:
    """How a node's result is computed into given memory; None if PyTensor's own way is taken."""
    op = node.op
    if len(node.outputs) != 1 or None in getattr(node.outputs[0].type, "shape", (None,)):
        return None
    if isinstance(op, FilledOp):
        return op.fill
    if isinstance(op, Elemwise):
        return _scalar_fill(op.scalar_op, len(node.inputs), np.dtype(node.outputs[0].type.dtype))
    if isinstance(op, CAReduce):
        return _reduction_fill(node)
    return MAKERS[type(op)](node) if type(op) in MAKERS else None


def view_of(node: Any) -> Callable[[np.ndarray], np.ndarray] | None:
    """How a node's view is made, without the detours of its `perform`; None if it makes none."""
    if isinstance(node.op, Reshape) and None not in node.outputs[0].type.shape:
        shape = node.outputs[0].type.shape
        return lambda x: x.reshape(shape)
    if isinstance(node.op, DisconnectedGrad):
        return lambda x: x
    if not isinstance(node.op, DimShuffle):
        return None
    order = node.op.new_order
    kept = [axis for axis in order if axis != "x"]
    dropped = [axis for axis in range(node.inputs[0].type.ndim) if axis not in kept]
    axes = tuple(kept + dropped)
    index = tuple(None if axis == "x" else slice(None) for axis in order) + (0,) * len(dropped)
    if None not in index and not dropped:
        return lambda x: x.transpose(axes)
    return lambda x: x.transpose(axes)[index]


class Memory:
    """Gives every node its memory before anything runs; memory that is no longer read serves later nodes."""

    def __init__(self, fgraph: Any, order: list[Any]) -> None:
        self._root: dict[Any, Any] = {}
        self._last: dict[Any, int] = {}
        self._free: dict[int, list[np.ndarray]] = defaultdict(list)
        self._held: dict[Any, np.ndarray] = {}
        self._ends: dict[int, list[Any]] = defaultdict(list)
        for place, node in enumerate(order):
            for number, output in enumerate(node.outputs):
                source = node.op.view_map.get(number) or node.op.destroy_map.get(number)
                self._root[output] = self._root_of(node.inputs[source[0]]) if source else output
                self._last[self._root[output]] = place
            for one in node.inputs:
                self._last[self._root_of(one)] = place
        for one in fgraph.outputs:
            self._last[self._root_of(one)] = len(order)
        for root, place in self._last.items():
            self._ends[place].append(root)

    def _root_of(self, variable: Any) -> Any:
        return self._root.get(variable, variable)

    def take(self, variable: Any) -> np.ndarray:
        """Memory for a variable: what is free, or new."""
        shape, dtype = variable.type.shape, np.dtype(variable.type.dtype)
        size = -(-int(np.prod(shape)) * dtype.itemsize // 64) * 64
        raw = self._free[size].pop() if self._free[size] else np.empty(size, np.uint8)
        self._held[variable] = raw
        return raw[: int(np.prod(shape)) * dtype.itemsize].view(dtype).reshape(shape)

    def leave(self, place: int) -> None:
        """What node number `place` was the last to read is free for later nodes."""
        for root in self._ends[place]:
            raw = self._held.pop(root, None)
            if raw is not None:
                self._free[raw.size].append(raw)


class NumpyLinker(PerformLinker):
    """See the module. Results of a call are overwritten by the next one."""

    def make_all(self, input_storage: Any = None, output_storage: Any = None, storage_map: Any = None) -> Any:
        """PyTensor's protocol: (what runs everything, input containers, output containers, thunks, nodes)."""
        fgraph = self.fgraph
        order = self.schedule(fgraph)
        input_storage, output_storage, storage_map = map_storage(
            fgraph, order, input_storage, output_storage, storage_map
        )
        compute_map = {one: [one.owner is None] for one in storage_map}
        memory = Memory(fgraph, order)
        thunks = []
        for place, node in enumerate(order):
            thunks.append(_thunk(node, memory, storage_map) or _pytensors_own(node, storage_map, compute_map))
            memory.leave(place)
        passing = [storage_map[one] for node in order for one in node.outputs if storage_map[one][0] is None]
        passing += input_storage

        def run() -> list[Any]:
            for thunk in thunks:
                thunk()
            results = [cell[0] for cell in output_storage]
            for cell in passing:  # inputs and views: nothing keeps the caller's memory
                cell[0] = None
            return results

        run.allow_gc = False  # type: ignore[attr-defined]
        run.storage_map = storage_map  # type: ignore[attr-defined]
        inputs = [Container(one, cell) for one, cell in zip(fgraph.inputs, input_storage, strict=True)]
        outputs = [
            Container(one, cell, readonly=True) for one, cell in zip(fgraph.outputs, output_storage, strict=True)
        ]
        return run, inputs, outputs, thunks, order


def _pytensors_own(node: Any, storage_map: Any, compute_map: Any) -> Callable[[], Any]:
    thunk: Callable[[], Any] = node.op.make_thunk(node, storage_map, compute_map, [], "py")
    return thunk


def _thunk(node: Any, memory: Memory, storage_map: Any) -> Callable[[], Any] | None:
    """A call that takes the node's inputs from their cells and fills its result's; None if there is no fast way."""
    cells = [storage_map[one] for one in node.inputs]
    target = storage_map[node.outputs[0]]
    view = view_of(node)
    if view is not None:
        source = cells[0]

        def make_view() -> None:
            target[0] = view(source[0])

        return make_view
    fill = fill_of(node)
    if fill is None:
        return None
    out = memory.take(node.outputs[0])
    target[0] = out
    if len(cells) == 1:
        only = cells[0]
        return lambda: fill(out, only[0])
    if len(cells) == 2:
        first, second = cells
        return lambda: fill(out, first[0], second[0])
    return lambda: fill(out, *[cell[0] for cell in cells])
