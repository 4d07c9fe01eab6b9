"""Time the gradient of networks of sparse blocks beside full matrices, in mgres and in PyTorch.

    pip install ".[torch]"
    python bench/sparse.py [--repeats 9] [--width 64 256 1024] [--pattern NAME ...]

A gradient is the mean loss and its derivative by all parameters.  The full matrices have zeros
where the sparse ones have no entries, and PyTorch (eager) is timed with those and with
torch.sparse.  The derivatives by the entries are compared first (to 1e-4); contestants then take
turns on one thread, and numbers are medians of processor time, which other programs change least.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import mgres
from mgres import blocks

Gradient = Callable[[], Any]
"""Returns the derivatives by W, for all layers those by the entries."""

PATTERNS: dict[str, float | int] = {"5 diagonals": 5, "9 diagonals": 9, "5 %": 0.05, "1 %": 0.01}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 0, or 1 if the answers differ."""
    options = parse(arguments)
    import torch

    torch.set_num_threads(1)
    torch.sparse.check_sparse_tensor_invariants.disable()
    print(f"mgres {mgres.__version__} ({mgres._core.isa}), PyTorch {torch.__version__}")
    print(f"1 thread, {options.depth} layers, {options.samples} samples, float32")
    print(
        f"{'width':>6} {'pattern':<12}{'entries':>8}{'mgres ms':>10}{'GFLOP/s':>9}"
        f"{'full, mgres':>13}{'full, PyTorch':>15}{'torch.sparse':>14}"
    )
    for width in options.width:
        for name in options.pattern:
            if not play(width, name, options):
                return 1
    return 0


def block_of(width: int, name: str) -> blocks.Sparse:
    """Return a band, or a pattern of so many entries at random, but for one in each row."""
    size = PATTERNS[name]
    if size > 1:
        return blocks.Sparse(blocks.Banded(int(size) // 2), activation="relu")
    mask = np.random.default_rng(0).random((width, width)) < size
    return blocks.Sparse(mask | np.eye(width, dtype=bool), activation="relu")


def play(width: int, name: str, options: argparse.Namespace) -> bool:
    """Time one case and print its line; return whether all answers agree."""
    block = block_of(width, name)
    net = mgres.ResNet(8, width, 4, options.depth, block=block)
    rng = np.random.default_rng(0)
    theta = net.init(0)
    X = rng.standard_normal((options.samples, 8)).astype(np.float32)
    y = rng.integers(0, 4, options.samples)
    full, full_theta = in_full(net, theta)
    rows, columns = block.pattern.places(width)
    contestants: dict[str, Gradient] = {"mgres": ours(net, theta, X, y)}
    if not options.alone:
        contestants |= {
            "full": ours(full, full_theta, X, y),
            "PyTorch": torch_gradient(full, full_theta, X, y),
            "sparse": torch_gradient(net, theta, X, y),
        }
    expected = contestants["mgres"]().copy()
    for label, gradient in contestants.items():
        found = gradient()
        found = found if found.ndim == 2 else found[:, rows, columns]
        error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
        if not error < 1e-4:
            print(f"{width}, {name}: {label} differs by {error:.1e}", file=sys.stderr)
            return False
    seconds: dict[str, list[float]] = {label: [] for label in contestants}
    with mgres.threads(1):
        for _ in range(options.repeats):
            for label, gradient in contestants.items():
                start = time.process_time()
                gradient()
                seconds[label].append(time.process_time() - start)
    median = {label: statistics.median(times) for label, times in seconds.items()}
    flops = 3 * 2 * len(rows) * options.depth * options.samples
    ratios = [
        f"{median[label] / median['mgres']:.1f} x" if label in median else "-"
        for label in ("full", "PyTorch", "sparse")
    ]
    print(
        f"{width:>6} {name:<12}{len(rows):>8}{1e3 * median['mgres']:>10.2f}"
        f"{flops / median['mgres'] / 1e9:>9.1f}{ratios[0]:>13}{ratios[1]:>15}{ratios[2]:>14}",
        flush=True,
    )
    return True


def in_full(net: mgres.ResNet, theta: Any) -> tuple[mgres.ResNet, Any]:
    """Return the network of dense blocks with the same matrices, and its parameters."""
    full = replace(net, block=blocks.Dense(activation=net.activation))
    found = np.zeros(full.size, full.dtype)
    given = net.views(theta)._asdict()
    rows, columns = net.block.pattern.places(net.width)
    for name, view in full.views(found)._asdict().items():
        if name == "W":
            view[:, rows, columns] = given[name]
        else:
            view[:] = given[name]
    return full, found


def ours(net: mgres.ResNet, theta: Any, X: Any, y: Any) -> Gradient:
    """Return a function that takes the gradient by mgres."""
    objective = mgres.ResNetObjective(net, X, y)
    out = np.empty_like(theta)

    def gradient() -> Any:
        objective.value_and_grad(theta, out)
        return net.views(out).W

    return gradient


def torch_gradient(net: mgres.ResNet, theta: Any, X: Any, y: Any) -> Gradient:
    """Return a function that takes the gradient by automatic differentiation, samples last."""
    import torch
    from torch.nn import functional

    p = {
        name: torch.from_numpy(view.copy()).requires_grad_()
        for name, view in net.views(theta)._asdict().items()
    }
    inputs, labels = torch.from_numpy(X.T.copy()), torch.from_numpy(y)
    places = None
    if isinstance(net.block, blocks.Sparse):
        places = torch.from_numpy(np.stack(net.block.pattern.places(net.width)))

    def product(W: Any, state: Any) -> Any:
        if places is None:
            return W @ state
        size = (net.width, net.width)
        return torch.sparse.mm(torch.sparse_coo_tensor(places, W, size, is_coalesced=True), state)

    def gradient() -> Any:
        for part in p.values():
            part.grad = None
        state = p["Q"] @ inputs
        for W, b in zip(p["W"].unbind(0), p["b"].unbind(0), strict=True):
            state = state + net.dt * torch.relu(product(W, state) + b[:, None])
        logits = p["W_out"] @ state + p["b_out"][:, None]
        functional.cross_entropy(logits.T, labels).backward()
        return p["W"].grad.numpy()

    return gradient


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--depth", type=int, default=64)
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--width", type=int, nargs="+", default=[64, 256, 1024])
    parser.add_argument(
        "--pattern", choices=PATTERNS, nargs="+", default=list(PATTERNS), metavar="NAME"
    )
    parser.add_argument("--alone", action="store_true", help="without full matrices and PyTorch")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
