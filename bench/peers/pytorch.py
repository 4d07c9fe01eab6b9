"""The network in PyTorch.

All W_k are one tensor (K, v, v), which was faster here than 2,048 leaves.  The activation works in
place and the Euler step is one fused `torch.add`; both are safe for autograd.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812

from .contestants import Contestant
from .problem import Problem

ACTIVATIONS = {"relu": torch.relu_, "tanh": torch.tanh_}
CHUNK = 32

Blocks = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def eager(problem: Problem, threads: int) -> Iterator[Contestant]:
    """Yield both layouts."""
    torch.set_num_threads(threads)
    for features_first in (False, True):
        blocks = _layers(problem, features_first)
        yield _contestant("torch", "PyTorch eager", problem, features_first, blocks)


def compiled(problem: Problem, threads: int) -> Iterator[Contestant]:
    """Yield both layouts, compiled when they are called for the first time."""
    torch.set_num_threads(threads)
    torch.compiler.reset()  # it stops compiling a function that it has seen with other constants
    for features_first in (False, True):
        chunks = _in_chunks(torch.compile(_layers(problem, features_first), dynamic=False))
        yield _contestant("torch-compile", "PyTorch compiled", problem, features_first, chunks)


def _layers(problem: Problem, features_first: bool) -> Blocks:
    """Return the loop over layers; features first, b has the shape (K, v, 1)."""
    dt = problem.net.dt
    sigma = ACTIVATIONS[problem.net.activation]

    def samples(h: torch.Tensor, weights: torch.Tensor, biases: torch.Tensor) -> torch.Tensor:
        for W, b in zip(weights.unbind(), biases.unbind(), strict=True):
            h = torch.add(h, sigma(torch.addmm(b, h, W.t())), alpha=dt)
        return h

    def features(h: torch.Tensor, weights: torch.Tensor, biases: torch.Tensor) -> torch.Tensor:
        for W, b in zip(weights.unbind(), biases.unbind(), strict=True):
            h = torch.add(h, sigma(torch.addmm(b, W, h)), alpha=dt)
        return h

    return features if features_first else samples


def _in_chunks(layers: Blocks) -> Blocks:
    """Return the loop over chunks: compiled once, the graph of 2,048 layers would be too large."""

    def blocks(h: torch.Tensor, weights: torch.Tensor, biases: torch.Tensor) -> torch.Tensor:
        for W, b in zip(weights.split(CHUNK), biases.split(CHUNK), strict=True):
            h = layers(h, W, b)
        return h

    return blocks


def _contestant(
    key: str, title: str, problem: Problem, features_first: bool, blocks: Blocks
) -> Contestant:
    leaves = [torch.from_numpy(p).requires_grad_() for p in problem.parameters()]
    X, y = torch.from_numpy(problem.X), torch.from_numpy(problem.y)
    columns = X.t().contiguous()

    def loss() -> torch.Tensor:
        Q, W, b, W_out, b_out = leaves
        if features_first:
            h = blocks(Q @ columns, W, b[:, :, None])
            return F.cross_entropy(torch.addmm(b_out[:, None], W_out, h).t(), y)
        h = blocks(X @ Q.t(), W, b)
        return F.cross_entropy(torch.addmm(b_out, h, W_out.t()), y)

    def call() -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        value = loss()
        return value.detach(), torch.autograd.grad(value, leaves)

    def unpack(result: Any) -> tuple[float, Any]:
        return result[0].item(), problem.flat(tuple(g.numpy() for g in result[1]))

    if features_first:
        return Contestant(f"{key}-features", f"{title} (features first)", call, unpack)
    return Contestant(key, title, call, unpack)
