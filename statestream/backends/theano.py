"""Theano, in the shape of its maintained line PyTensor.

PyTensor makes the graph and its gradients, and finds equal parts; convolutions and matrix products are Ops of our own
(`_theano_ops`), and a linker of our own runs the result with numpy (`_theano_linker`). No C compiler is needed.

PyTensor's other rewrites are left out: measured, they make start-up three to five times longer and frames no shorter,
and they replace formulas (of a logarithm of a softmax, say) that other engines compute as written.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from statestream.backends._threads import available_threads, limit_blas
from statestream.backends.base import Backend, BackendError, Compiled, StepFunction

SETTINGS = (
    "floatX=float32",
    "cxx=",  # no C compiler, and no search for one
    "blas__ldflags=",
    "linker=py",  # where an Op compiles something by itself: numba would take ten seconds
    "traceback__limit=0",  # where each symbol was made costs seconds to record
    "traceback__compile_limit=0",
)


class Engine(Backend):
    """PyTensor on the CPU. cache: the folder PyTensor insists on having (nothing large is kept there)."""

    name = "theano"

    def __init__(self, threads: int | None = None, device: str = "cpu", cache: Any = None) -> None:
        if not device.startswith("cpu"):
            raise BackendError(f"backend theano runs on cpu only, not on {device}")
        home = Path(os.environ.get("STATESTREAM_HOME") or "~/.statestream").expanduser()
        _configure(Path(cache) if cache is not None else home / "compiledir")
        from statestream.backends._theano_ops import crew

        limit_blas(1)
        crew.resize(available_threads() if threads is None else threads)

    def build(self, function: StepFunction, inputs: Mapping[Hashable, tuple[int, ...]]) -> Compiled:
        """Make the graph, merge its equal parts and lay out its memory."""
        import pytensor
        from pytensor.compile.mode import Mode

        from statestream.backends._theano_linker import NumpyLinker
        from statestream.backends._theano_operations import Tensor, lift, operations

        symbols = {key: pytensor.tensor.tensor(dtype="float32", shape=shape) for key, shape in inputs.items()}
        try:
            with np.errstate(over="ignore"):  # constants beyond float32 are Inf
                results = function(operations(), {key: Tensor(one) for key, one in symbols.items()})
            outputs = [lift(one).symbol for one in results.values()]
        except (ValueError, TypeError, IndexError, AssertionError) as problem:
            raise BackendError(str(problem).strip().splitlines()[0]) from problem
        mode = Mode(NumpyLinker(), "merge").excluding("fusion", "inplace", "BlasOpt")
        run = pytensor.function(list(symbols.values()), outputs, mode=mode, on_unused_input="ignore")
        run.trust_input = True
        names = list(results)

        def call(arrays: Mapping[Hashable, np.ndarray]) -> dict[Hashable, np.ndarray]:
            with np.errstate(all="ignore"):  # NaN and Inf are results like others: the session looks for them
                found = run(*[arrays[key] for key in inputs])
            return {name: np.asarray(one, order="C") for name, one in zip(names, found, strict=True)}

        call({key: np.zeros(shape, np.float32) for key, shape in inputs.items()})  # some Ops prepare themselves
        return call


def _configure(folder: Path) -> None:
    """Import PyTensor with settings of ours, whatever the user's environment or ~/.pytensorrc say."""
    kept = {name: os.environ.get(name) for name in ("PYTENSOR_FLAGS", "PYTENSORRC")}
    os.environ["PYTENSOR_FLAGS"] = ",".join((*SETTINGS, f"base_compiledir={folder}"))
    os.environ["PYTENSORRC"] = os.devnull
    try:
        importlib.import_module("pytensor.tensor")
    except ImportError as problem:
        raise BackendError(f"backend theano cannot be loaded: {problem}") from problem
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
