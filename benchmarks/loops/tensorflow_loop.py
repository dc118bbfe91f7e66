"""TensorFlow: one tf.function per frame, features last (as its CPU convolutions want them), state in variables."""

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np
import tensorflow as tf

from loops.demo import AGENTS, BETA1, BETA2, RATE, Step, weights


def make(threads: int, learn: bool) -> Step:
    """See the package."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    drawn = weights()
    w1, w2 = (tf.Variable(w.transpose(2, 3, 1, 0)) for w in drawn[:2])
    w3 = tf.Variable(drawn[2].transpose(2, 3, 1, 0).reshape(512, 64))
    w4 = tf.Variable(drawn[3].reshape(10, 64).T)
    b1, b2, b3, b4 = (tf.Variable(tf.zeros(n)) for n in (16, 32, 64, 10))
    trained = [w1, w2, w3, w4, b3]
    first, second = ([tf.Variable(tf.zeros_like(p)) for p in trained] for _ in range(2))
    count = tf.Variable(0.0)
    shapes = ((32, 32, 1), (16, 16, 16), (4, 4, 32), (64,), (10,), (10,))
    image, h1, h2, h3, prediction, label = (tf.Variable(tf.zeros((AGENTS, *shape))) for shape in shapes)

    def l1(x: Any) -> Any:
        return tf.nn.bias_add(tf.nn.conv2d(tf.pad(x, [[0, 0], [2, 1], [2, 1], [0, 0]]), w1, 2, "VALID"), b1)

    def l2(x: Any) -> Any:
        return tf.nn.bias_add(tf.nn.conv2d(tf.pad(x, [[0, 0], [2, 0], [2, 0], [0, 0]]), w2, 4, "VALID"), b2)

    def l3(x: Any) -> Any:
        return tf.matmul(tf.reshape(x, (AGENTS, 512)), w3) + b3

    def l4(x: Any) -> Any:
        return tf.nn.softmax(tf.matmul(x, w4) + b4)

    def adam(gradients: Any) -> list[tuple[Any, Any]]:
        now = count + 1.0
        rate = -RATE * tf.sqrt(1 - BETA2**now) / (1 - BETA1**now)
        writes = [(count, now)]
        for parameter, gradient, m, v in zip(trained, gradients, first, second, strict=True):
            m2, v2 = BETA1 * m + (1 - BETA1) * gradient, BETA2 * v + (1 - BETA2) * gradient * gradient
            writes += [(parameter, parameter + rate * m2 / (tf.sqrt(v2) + 1e-6)), (m, m2), (v, v2)]
        return writes

    @tf.function(input_signature=[tf.TensorSpec((AGENTS, 32, 32, 1)), tf.TensorSpec((AGENTS, 10))], autograph=False)
    def frame(new_image: Any, new_label: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(trained if learn else [])
            n1 = l1(image)
            if learn:
                loss = tf.reduce_mean(-label * tf.math.log(tf.maximum(l4(l3(l2(n1))), 1e-6)))
        writes = [(h1, n1), (h2, l2(h1)), (h3, l3(h2)), (prediction, l4(h3)), (label, new_label)]
        writes += [(image, 0.1 * tf.random.normal((AGENTS, 32, 32, 1)) + new_image)]
        if learn:
            writes += adam(tape.gradient(loss, trained))
        with tf.control_dependencies([value for _, value in writes]):
            for variable, value in writes:
                variable.assign(value)
        return prediction.read_value()

    def step(image: np.ndarray, label: np.ndarray) -> np.ndarray:
        rows = tf.convert_to_tensor(image.reshape(AGENTS, 32, 32, 1))
        return np.asarray(frame(rows, tf.convert_to_tensor(label)))

    return step
