"""A case for each key of pools and plasticities, each activation, loss, optimizer and function of expressions.

A case is a small network, and what one frame of it must give, in plain numpy. `GROUPS` holds them by name; the cases of
a group are compiled together, since compiling costs seconds. A new key, function or loss gets a case by one more entry
in one of the modules below (`tools/make_proofs.py --missing` tells which have none).
"""

from __future__ import annotations

from importlib import import_module

from parameter_case import GROUPS

for _part in ("pools", "functions", "learning"):
    import_module(f"parameter_cases_of_{_part}")


def compiled_together(group, excusing):
    """(function, shapes, arrays) of all cases of a group; keys are (case, key).

    excusing(): a context that each case is computed in; a case that it ends has no results.
    """
    steps = {name: one.step for name, one in GROUPS[group].items()}

    def function(ops, symbols):
        results = {}
        for name, (step, _) in steps.items():
            with excusing():
                found = step.function(ops, {key: symbols[name, key] for key in step.shapes})
                results |= {(name, key): value for key, value in found.items()}
        return results

    shapes = {(name, key): shape for name, (step, _) in steps.items() for key, shape in step.shapes.items()}
    arrays = {(name, key): values[key] for name, (step, values) in steps.items() for key in step.shapes}
    return function, shapes, arrays
