"""Builds the C parts: each statestream/ccpp/<name>.c becomes the extension statestream.ccpp._<name>.

Everything else about the package is in pyproject.toml. No -march=native: a virtual environment or a wheel may be used
on another machine than the one that built it, and the kernels' speed comes from their loops, not from one processor.
"""

from pathlib import Path

from setuptools import Extension, setup

HERE = Path(__file__).resolve().parent
# Equal bits on every machine: no fused multiply-add. No errno and no traps from arithmetic, so that loops vectorize.
FLAGS = ["-O3", "-std=gnu11", "-Wall", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]


def extension(source: Path) -> Extension:
    """The extension module of one C file; headers beside it are its dependencies."""
    return Extension(
        name=f"statestream.ccpp._{source.stem}",
        sources=[source.relative_to(HERE).as_posix()],
        depends=[header.relative_to(HERE).as_posix() for header in sorted(source.parent.glob("*.h"))],
        extra_compile_args=FLAGS,
    )


setup(ext_modules=[extension(source) for source in sorted((HERE / "statestream" / "ccpp").glob("*.c"))])
