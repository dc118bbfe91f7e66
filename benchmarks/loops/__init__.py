"""Plain single-process loops of the demo network, one per engine: what a careful person would write by hand.

Each module has `make(threads, learn) -> step`: step() computes one frame (all pools advance, and if `learn` the
depth-4 loss with its gradient and adam for five parameters) and returns when its results are there. Same sizes, noise drawn anew
each frame by the engine's own generator, stimuli taken from a pool drawn beforehand.
"""
