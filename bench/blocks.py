"""Time the gradient of networks of other blocks in mgres and in PyTorch, eager and compiled.

    pip install ".[torch]"
    python bench/blocks.py [--threads 1] [--repeats 9] [--compiled] [--case NAME ...]

The same network, data and parameters; a gradient is the mean loss and its derivative by all
parameters.  The answers are compared first (to 1e-4, of convolutions to 1e-3); contestants then
take turns, and ratios are medians.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import mgres
from mgres import blocks

Gradient = Callable[[], Any]


class Case(NamedTuple):
    """A network and a batch; the ratio to PyTorch that is wanted."""

    block: blocks.Block
    width: int
    samples: int
    wanted: float
    depth: int = 256


PLAIN, NORMED = {"activation": "silu"}, {"activation": "silu", "norm": "layer"}
CASES = {
    "two-layer-16-1000": Case(blocks.TwoLayer(32, **PLAIN), 16, 1000, 3),
    "two-layer-16-128": Case(blocks.TwoLayer(32, **PLAIN), 16, 128, 8),
    "two-layer-64-256": Case(blocks.TwoLayer(128, **PLAIN), 64, 256, 1.7),
    "two-layer-64-256-norm": Case(blocks.TwoLayer(128, **NORMED), 64, 256, 1.7),
    "two-layer-16-1000-norm": Case(blocks.TwoLayer(32, **NORMED), 16, 1000, 3),
    "two-layer-16-1000-relu": Case(blocks.TwoLayer(32, activation="relu"), 16, 1000, 3),
    **{
        f"conv-{channels}-{size}x{size}-{samples}": Case(
            blocks.Conv2d(channels, (size, size)), channels * size * size, samples, wanted, 64
        )
        for channels, wanted in ((8, 2.5), (16, 1.6), (32, 1.1))
        for size in (8, 14, 28)
        for samples in (16, 128)
    },
    "gradient-16-1000": Case(blocks.Gradient(32, activation="tanh"), 16, 1000, 3),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 0, or 1 if the answers differ."""
    options = parse(arguments)
    import torch

    torch.set_num_threads(options.threads)
    print(f"mgres {mgres.__version__} ({mgres._core.isa}), PyTorch {torch.__version__}")
    depth = options.depth or "256, of convolutions 64"
    print(f"{options.threads} thread(s), depth {depth}, float32")
    print(f"{'case':<24}{'mgres ms':>10}{'GFLOP/s':>9}{'eager':>8}{'compiled':>10}{'wanted':>8}")
    for name in options.case:
        case = CASES[name]._replace(**({"depth": options.depth} if options.depth else {}))
        if not play(name, case, options):
            return 1
    return 0


def play(name: str, case: Case, options: argparse.Namespace) -> bool:
    """Time one case and print its line; return whether all answers agree."""
    net = mgres.ResNet(8, case.width, 4, case.depth, block=case.block)
    rng = np.random.default_rng(0)
    theta = net.init(0)
    X = rng.standard_normal((case.samples, 8)).astype(np.float32)
    y = rng.integers(0, 4, case.samples)
    objective = mgres.ResNetObjective(net, X, y)
    out = np.empty_like(theta)

    def ours() -> Any:
        objective.value_and_grad(theta, out)
        return out

    contestants: dict[str, Gradient] = {"mgres": ours, "eager": torch_gradient(net, theta, X, y)}
    if options.compiled:
        contestants["compiled"] = torch_gradient(net, theta, X, y, compiled=True)
    expected = ours().copy()
    for label, gradient in contestants.items():
        error = np.linalg.norm(np.asarray(gradient()) - expected) / np.linalg.norm(expected)
        # of so many pixels a few lie so close to the kink of relu that rounding decides on the side
        if not error < (1e-4 if case.block.filters is None else 1e-3):
            print(f"{name}: {label} differs by {error:.1e}", file=sys.stderr)
            return False
    seconds: dict[str, list[float]] = {label: [] for label in contestants}
    with mgres.threads(options.threads):
        for _ in range(options.repeats):
            for label, gradient in contestants.items():
                start = time.perf_counter()
                gradient()
                seconds[label].append(time.perf_counter() - start)
    median = {label: statistics.median(times) for label, times in seconds.items()}
    flops = 3 * 2 * products_of(case) * case.depth * case.samples
    ratios = [
        f"{median[label] / median['mgres']:.1f} x" if label in median else "-"
        for label in ("eager", "compiled")
    ]
    print(
        f"{name:<24}{1e3 * median['mgres']:>10.2f}{flops / median['mgres'] / 1e9:>9.1f}"
        f"{ratios[0]:>8}{ratios[1]:>10}{case.wanted:>6.1f} x"
    )
    return True


def products_of(case: Case) -> int:
    """Return the multiplications of a layer for one sample, those with zeros at edges included."""
    filters = case.block.filters
    matrices = [shape for shape in case.block.parameters(case.width).values() if len(shape) > 1]
    weights = sum(int(np.prod(shape)) for shape in matrices)
    if isinstance(case.block, blocks.Gradient):
        weights *= 2
    return weights if filters is None else weights * int(np.prod(filters.pixels))


def torch_gradient(
    net: mgres.ResNet, theta: Any, X: Any, y: Any, *, compiled: bool = False
) -> Gradient:
    """Return a function that takes the gradient by automatic differentiation."""
    import torch
    from torch.nn import functional

    block = net.block
    p = torch.from_numpy(theta.copy()).requires_grad_()
    inputs, labels = torch.from_numpy(X), torch.from_numpy(y)
    opening, layers, closing = (p[net.part(name)] for name in ("opening", "blocks", "closing"))
    parts: list[tuple[str, tuple[int, ...], int]] = []
    offset = 0
    for name, shape in block.parameters(net.width).items():
        parts.append((name, shape, offset))
        offset += int(np.prod(shape))
    sigma = {"silu": functional.silu, "relu": torch.relu, "tanh": torch.tanh}[block.activation]

    def forward() -> Any:
        rows = layers.view(net.depth, net.layer_size)
        arrays = {
            name: rows[:, at : at + int(np.prod(shape))].unflatten(1, shape).unbind(0)
            for name, shape, at in parts
        }
        state = inputs @ opening.view(net.width, net.n_inputs).T
        for k in range(net.depth):
            u = state
            if block.norm == "layer":
                u = functional.layer_norm(u, (net.width,), arrays["scale"][k], None, 1e-5)
            if isinstance(block, blocks.Conv2d):
                images = u.view(-1, block.channels, *block.shape)
                W, b = arrays["W"][k], arrays["b"][k]
                change = sigma(functional.conv2d(images, W, b, padding=1)).flatten(1)
            elif isinstance(block, blocks.TwoLayer):
                hidden = sigma(functional.linear(u, arrays["W1"][k], arrays["b1"][k]))
                change = functional.linear(hidden, arrays["W2"][k], arrays["b2"][k])
            else:
                hidden = sigma(functional.linear(u, arrays["K"][k], arrays["b"][k]))
                change = -hidden @ arrays["K"][k]
            state = state + net.dt * change
        weights = closing[: -net.n_outputs].view(net.n_outputs, net.width)
        logits = functional.linear(state, weights, closing[-net.n_outputs :])
        return functional.cross_entropy(logits, labels)

    run = torch.compile(forward) if compiled else forward

    def gradient() -> Any:
        p.grad = None
        run().backward()
        return p.grad.numpy()

    return gradient


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--depth", type=int, default=0, help="in the place of 256")
    parser.add_argument("--compiled", action="store_true", help="torch.compile too: minutes")
    parser.add_argument("--case", choices=CASES, nargs="+", default=list(CASES), metavar="NAME")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
