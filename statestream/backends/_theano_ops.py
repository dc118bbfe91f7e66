"""Operations that PyTensor lacks, or whose gradient it takes another way than the other engines.

Each own Op states its work once as `fill(out, *arrays)`, into memory that the linker (`_theano_linker`) hands it;
`perform` serves every other linker of PyTensor.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.scalar as ps
import pytensor.tensor as pt
from pytensor.gradient import disconnected_type
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.tensor.elemwise import Elemwise

from statestream.backends._picking import given_back, taken
from statestream.backends._shapes import Span, pick_shape
from statestream.backends._threads import Crew
from statestream.ccpp import _convolution

Symbol = Any
MANY = 64  # from this many outputs per agent on, a product per agent is quicker than one of all agents
COPYING = 8  # copying an element takes about as long as so many products
LARGE = 2_000_000  # so many products are worth a second thread
crew = Crew()
"""The threads of this process; `theano.Engine` sets their number."""


def share(products: int, count: int, part: Callable[[slice], object]) -> None:
    """Do work in parts if it is large enough, by all threads."""
    if products >= LARGE:
        crew.share(count, part)
    else:
        part(slice(0, count))


class FilledOp(Op):
    """An operation with one float32 result of a shape known beforehand."""

    @abstractmethod
    def fill(self, out: np.ndarray, *arrays: np.ndarray) -> None:
        """Compute the result into `out`, C-contiguous."""

    def perform(self, node: Apply, inputs: Sequence[np.ndarray], output_storage: list[list[Any]]) -> None:
        """Compute the result into fresh memory."""
        out = np.empty(node.outputs[0].type.shape, np.float32)
        self.fill(out, *inputs)
        output_storage[0][0] = out


def result(shape: Sequence[int]) -> Symbol:
    """A float32 symbol of a static shape."""
    return pt.TensorType("float32", shape=tuple(shape))()


def geometry(agents: int, features: int, across: Span, along: Span) -> tuple[int, ...]:
    """The numbers that the C loops want."""
    pairs = [
        (getattr(across, part), getattr(along, part))
        for part in ("size", "kernel", "stride", "dilation", "before", "out")
    ]
    return (agents, features, *(number for pair in pairs for number in pair))


class Unfold(FilledOp):
    """What a convolution's outputs see: [B, C, X, Y] -> [B, C kx ky, X' Y'], or points first [B X' Y', C kx ky]."""

    __props__ = ("across", "along", "points_first")

    def __init__(self, across: Span, along: Span, points_first: bool) -> None:
        self.across, self.along, self.points_first = across, along, points_first

    def make_node(self, x: Symbol) -> Apply:
        """The application to a source."""
        agents, features = x.type.shape[:2]
        seen = features * self.across.kernel * self.along.kernel
        points = self.across.out * self.along.out
        shape = (agents * points, seen) if self.points_first else (agents, seen, points)
        return Apply(self, [x], [result(shape)])

    def fill(self, out: np.ndarray, *arrays: np.ndarray) -> None:
        """Copy in C."""
        x = np.ascontiguousarray(arrays[0])
        rows = out.reshape(x.shape[0], -1)

        def part(agents: slice) -> None:
            numbers = geometry(agents.stop - agents.start, x.shape[1], self.across, self.along)
            _convolution.unfold(x[agents], rows[agents], numbers, int(self.points_first))

        share(out.size * COPYING, x.shape[0], part)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Symbol]:
        """Fold the gradient back."""
        return [Fold(self.across, self.along, self.points_first, *inputs[0].type.shape[:2])(cotangents[0])]


class Fold(FilledOp):
    """The adjoint of Unfold: each pixel is the sum of its copies."""

    __props__ = ("across", "agents", "along", "features", "points_first")

    def __init__(self, across: Span, along: Span, points_first: bool, agents: int, features: int) -> None:
        self.across, self.along, self.points_first = across, along, points_first
        self.agents, self.features = agents, features

    def make_node(self, seen: Symbol) -> Apply:
        """The application to an unfolded array."""
        return Apply(self, [seen], [result((self.agents, self.features, self.across.size, self.along.size))])

    def fill(self, out: np.ndarray, *arrays: np.ndarray) -> None:
        """Add in C."""
        rows = np.ascontiguousarray(arrays[0]).reshape(self.agents, -1)

        def part(agents: slice) -> None:
            out[agents].fill(0)
            numbers = geometry(agents.stop - agents.start, self.features, self.across, self.along)
            _convolution.fold(out[agents], rows[agents], numbers, int(self.points_first))

        share(rows.size * COPYING, self.agents, part)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Symbol]:
        """Unfold the gradient."""
        return [Unfold(self.across, self.along, self.points_first)(cotangents[0])]


class Product(FilledOp):
    """Matrix products over the last two axes; a or b may have leading axes that the other lacks."""

    __props__ = ()

    def make_node(self, a: Symbol, b: Symbol) -> Apply:
        """The application to two stacks of matrices."""
        (*a_lead, rows, inner), (*b_lead, other, columns) = a.type.shape, b.type.shape
        if inner != other or (a_lead != b_lead and a_lead and b_lead):
            raise ValueError(f"matrices {a.type.shape} and {b.type.shape} do not fit")
        return Apply(self, [a, b], [result((*(a_lead or b_lead), rows, columns))])

    def fill(self, out: np.ndarray, *arrays: np.ndarray) -> None:
        """Multiply by BLAS."""
        a, b = arrays

        def part(rows: slice) -> None:
            np.matmul(a[rows] if a.ndim == out.ndim else a, b[rows] if b.ndim == out.ndim > 2 else b, out=out[rows])

        share(out.size * a.shape[-1], out.shape[0], part)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Symbol]:
        """g b' and a' g, summed over leading axes that the operand lacks."""
        (a, b), (g,) = inputs, cotangents
        slopes = [multiply(g, flipped(b)), multiply(flipped(a), g)]
        return [
            pt.sum(slope, axis=tuple(range(slope.type.ndim - 2))) if slope.type.ndim > one.type.ndim else slope
            for slope, one in zip(slopes, (a, b), strict=True)
        ]


def multiply(a: Symbol, b: Symbol) -> Symbol:
    """The product of two matrices or stacks of them."""
    return Product()(a, b)


def flipped(x: Symbol) -> Symbol:
    """The last two axes exchanged."""
    return x.dimshuffle(*range(x.type.ndim - 2), x.type.ndim - 1, x.type.ndim - 2)


def convolve(x: Symbol, w: Symbol, across: Span, along: Span) -> Symbol:
    """Convolution as a product: of all agents' points at once, or per agent where each has many points."""
    agents, features = x.type.shape[0], w.type.shape[0]
    kernel = w.reshape((features, int(np.prod(w.type.shape[1:]))))
    if across.out * along.out >= MANY:
        product = multiply(kernel, Unfold(across, along, False)(x))
        return product.reshape((agents, features, across.out, along.out))
    product = multiply(Unfold(across, along, True)(x), flipped(kernel))
    return product.reshape((agents, across.out, along.out, features)).dimshuffle(0, 3, 1, 2)


class Pick(FilledOp):
    """x [B, C, N] at index [B, M] -> [B, C, M]."""

    __props__ = ()

    def make_node(self, x: Symbol, index: Symbol) -> Apply:
        """The application to a source and an index."""
        return Apply(self, [x, index], [result(pick_shape(x.type.shape, index.type.shape))])

    def fill(self, out: np.ndarray, *arrays: np.ndarray) -> None:
        """Take along the last axis."""
        np.copyto(out, taken(*arrays))

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """The index has no gradient."""
        return [[True], [False]]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Symbol]:
        """Give the gradient back to where it was taken."""
        x, index = inputs
        return [GiveBack(x.type.shape[2])(cotangents[0], index), disconnected_type()]


class GiveBack(FilledOp):
    """The adjoint of Pick, [B, C, M] -> [B, C, length]: added up in double precision, in the order of the index."""

    __props__ = ("length",)

    def __init__(self, length: int) -> None:
        self.length = length

    def make_node(self, g: Symbol, index: Symbol) -> Apply:
        """The application to a gradient and an index."""
        return Apply(self, [g, index], [result((*g.type.shape[:2], self.length))])

    def fill(self, out: np.ndarray, *arrays: np.ndarray) -> None:
        """Count with weights."""
        np.copyto(out, given_back(arrays[0], arrays[1], self.length), casting="same_kind")


class Larger(ps.Maximum):
    """maximum, whose gradient goes to the second operand where both are equal."""

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Symbol]:
        """See the class."""
        (a, b), (g,) = inputs, cotangents
        mine = ps.cast(ps.gt(a, b), "float32")
        return [g * mine, g * (np.float32(1) - mine)]


class Smaller(ps.Minimum):
    """minimum, whose gradient goes to the second operand where both are equal."""

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Symbol]:
        """See the class."""
        (a, b), (g,) = inputs, cotangents
        mine = ps.cast(ps.lt(a, b), "float32")
        return [g * mine, g * (np.float32(1) - mine)]


class Root(ps.Sqrt):
    """sqrt, whose gradient is 0 where it is 0."""

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Symbol]:
        """See the class."""
        (y,), (g,) = outputs, cotangents
        return [ps.switch(ps.eq(y, np.float32(0)), np.float32(0), g * np.float32(0.5) / y)]


larger = Elemwise(Larger(ps.upcast_out, name="larger"), nfunc_spec=("numpy.maximum", 2, 1))
smaller = Elemwise(Smaller(ps.upcast_out, name="smaller"), nfunc_spec=("numpy.minimum", 2, 1))
root = Elemwise(Root(ps.upgrade_to_float, name="root"), nfunc_spec=("numpy.sqrt", 1, 1))
