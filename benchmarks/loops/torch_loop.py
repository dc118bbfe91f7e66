"""PyTorch, eager, NCHW."""

import numpy as np
import torch
import torch.nn.functional as F

from loops.demo import AGENTS, BETA1, BETA2, RATE, Step, weights


def make(threads: int, learn: bool) -> Step:
    """See the package."""
    torch.set_num_threads(threads)
    w1, w2, w3, w4 = (torch.from_numpy(w).requires_grad_(learn) for w in weights())
    b1, b2, b4 = torch.zeros(16), torch.zeros(32), torch.zeros(10)
    b3 = torch.zeros(64, requires_grad=learn)
    trained = [w1, w2, w3, w4, b3]
    first, second = ([torch.zeros_like(p) for p in trained] for _ in range(2))
    state = [torch.zeros(AGENTS, 1, 32, 32), torch.zeros(AGENTS, 16, 16, 16), torch.zeros(AGENTS, 32, 4, 4)]
    state += [torch.zeros(AGENTS, 64), torch.zeros(AGENTS, 10)]
    count, label = 0, torch.zeros(AGENTS, 10)

    def l1(x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(F.pad(x, (2, 1, 2, 1)), w1, b1, 2)

    def l2(x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(F.pad(x, (2, -1, 2, -1)), w2, b2, 4)

    def l3(x: torch.Tensor) -> torch.Tensor:
        return x.reshape(AGENTS, 512) @ w3.reshape(64, 512).T + b3

    def l4(x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(x @ w4.reshape(10, 64).T + b4, 1)

    def update(loss: torch.Tensor) -> None:
        gradients = torch.autograd.grad(loss, trained)
        rate = -RATE * (1 - BETA2**count) ** 0.5 / (1 - BETA1**count)
        with torch.no_grad():
            for parameter, gradient, m, v in zip(trained, gradients, first, second, strict=True):
                m.mul_(BETA1).add_(gradient, alpha=1 - BETA1)
                v.mul_(BETA2).addcmul_(gradient, gradient, value=1 - BETA2)
                parameter.addcdiv_(m, v.sqrt().add_(1e-6), value=rate)

    def step(image: np.ndarray, new_label: np.ndarray) -> np.ndarray:
        nonlocal count, label
        count += 1
        n1 = l1(state[0])
        with torch.no_grad():
            following = [torch.randn(AGENTS, 1, 32, 32).mul_(0.1).add_(torch.from_numpy(image))]
            following += [n1.detach(), l2(state[1]), l3(state[2]), l4(state[3])]
        if learn:
            y = l4(l3(l2(n1)))
            update(-(label * torch.log(torch.clamp(y, min=1e-6))).mean())
        state[:], label = following, torch.from_numpy(new_label)
        return state[4].numpy()

    return step
