"""Time a network of mgres as a layer of PyTorch against the same network of PyTorch's operations.

    python bench/torch_layer.py

Both are ``nn.Module``s with the same parameters: ``mgres.torch.ResNetLayer``, which calls the
compiled core, and what ``mgres.torch.to_module`` returns, run eagerly.  Timed is what training
does: forward, a mean loss, backward, with derivatives for the parameters and the samples.  The two
take turns, and their answers are compared first.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

import mgres
from mgres.torch import ResNetLayer, to_module

CASES = {
    # width, depth, samples
    "narrow and very deep": (10, 2048, 1000),
    "narrow and deep": (10, 256, 256),
    "wide": (64, 256, 256),
    "wider": (256, 64, 256),
}
INPUTS, OUTPUTS = 8, 10
LEAST_REPEATS = 5


def gradient(module: torch.nn.Module, X: torch.Tensor, y: torch.Tensor) -> float:
    """Return the loss; derivatives are left in the parameters and in `X`."""
    module.zero_grad(set_to_none=True)
    X.grad = None
    loss = torch.nn.functional.cross_entropy(module(X), y)
    loss.backward()
    return loss.item()


def compare(width: int, depth: int, samples: int, repeats: int) -> tuple[list[float], list[float]]:
    """Return the seconds of the layer and of the module, after comparing their answers."""
    net = mgres.ResNet(INPUTS, width, OUTPUTS, depth)
    theta = net.init(0, scheme="glorot")
    rng = np.random.default_rng(0)
    X = torch.from_numpy(rng.standard_normal((samples, INPUTS)).astype(np.float32))
    y = torch.from_numpy(rng.integers(OUTPUTS, size=samples))
    layer, module = ResNetLayer(net, theta), to_module(net, theta)
    X.requires_grad_()

    values, by_inputs = [], []
    for model in (layer, module):
        values.append(gradient(model, X, y))
        by_inputs.append(X.grad.clone())
    assert abs(values[0] - values[1]) < 1e-4 * abs(values[1]), values
    assert torch.linalg.norm(by_inputs[0] - by_inputs[1]) < 1e-3 * torch.linalg.norm(by_inputs[1])
    views = net.views(layer.theta.grad.numpy())
    difference = np.linalg.norm(views.W - module.W.grad.numpy())
    assert difference < 1e-3 * np.linalg.norm(views.W)

    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for model, taken in zip((layer, module), seconds, strict=True):
            taken.append(timed(lambda model=model: gradient(model, X, y)))
    return seconds


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main(arguments: list[str] | None = None) -> int:
    """Print a table of the cases."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    parser.add_argument("--repeats", type=int, default=9, metavar="N")
    parser.add_argument("--case", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--depth", type=int, metavar="K", help="for all cases, to try it out")
    options = parser.parse_args(arguments)
    if options.threads < 1:
        parser.error(f"argument --threads: expected at least 1, got {options.threads}")
    if options.repeats < LEAST_REPEATS:
        parser.error(
            f"argument --repeats: expected at least {LEAST_REPEATS}, got {options.repeats}"
        )
    if options.depth is not None and options.depth < 1:
        parser.error(f"argument --depth: expected at least 1, got {options.depth}")
    torch.set_num_threads(options.threads)
    mgres.set_num_threads(options.threads)
    print(f"PyTorch {torch.__version__}, {options.threads} thread(s), median of {options.repeats}")
    print("ratio: of the medians, and of the least, which other programs disturb less")
    print(f"{'case':22}{'width':>6}{'layers':>8}{'samples':>9}{'layer':>11}{'module':>11}  ratio")
    for name in options.case:
        width, depth, samples = CASES[name]
        depth = options.depth or depth
        seconds = compare(width, depth, samples, options.repeats)
        ours, theirs = map(statistics.median, seconds)
        least = min(seconds[1]) / min(seconds[0])
        print(
            f"{name:22}{width:6}{depth:8}{samples:9}{1e3 * ours:8.1f} ms{1e3 * theirs:8.1f} ms"
            f"{theirs / ours:7.1f}{least:7.1f}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
