"""Plain single-process loops of the demo network, one per engine: what a careful person would write by hand.

Each module has `make(threads, learn) -> step`. `step(image, label) -> prediction` computes one frame: all pools advance
and, if `learn`, so do five parameters by adam on the gradient of the depth-4 loss. image [128, 1, 32, 32] and label
[128, 10] enter the state of the next frame, the prediction [128, 10] is the new one, all numpy arrays. The noise is
drawn anew each frame by the engine's own generator.
"""
