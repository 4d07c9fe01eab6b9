"""Which learning rate is best at which depth, and whether one setting serves all depths.

    python bench/depth.py law      [--seeds 3] [--depths 16,64,...] [--plot FILE]
    python bench/depth.py two-layer [--seeds 3] [--depths 16,64,256,1024] [--plot FILE]

"law": the paper's circles, width 3, from a start that is smooth in t; after 20 full gradients the
loss at each learning rate of a grid, for gradient descent (of all parameters, and of the layers
only) and Adam, in the Euclidean metric and in that of L^2(0, T).  A row is the best rate at each
depth, the median over the seeds.

"two-layer": the state of Lorenz' system after time 1/2 as a function of its start, by a stack of
`TwoLayer(norm="layer", activation="silu")`, width 64, with Adam on mini-batches, the same setting
at all depths: the training and validation loss on the way.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable, Sequence

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from lorenz import flow

import mgres
from mgres import blocks
from mgres.info import environment
from mgres.mgopt import Euclidean, LevelOptimizer
from mgres.resnet import time_metric

RATES = [2.0**k for k in range(-10, 22)]
STEPS = 20
WIDTH, HIDDEN, BATCH, EPOCHS, RATE = 64, 128, 100, 20, 1e-3


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one of the two studies and print its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study", choices=["law", "two-layer"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=300)
    parser.add_argument("--depths", type=integers, default=None, metavar="K[,K...]")
    parser.add_argument("--steps", type=int, default=STEPS, help="of the law")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of the two-layer networks")
    parser.add_argument("--plot", metavar="FILE", default=None)
    options = parser.parse_args(arguments)
    machine = environment(mgres.__version__)
    print(f"mgres {machine['mgres']} ({machine['isa']}), {machine['processor']}")
    (law if options.study == "law" else two_layer)(options)


def integers(text: str) -> list[int]:
    """Return the numbers of a list with commas."""
    return [int(part) for part in text.split(",")]


def law(options: argparse.Namespace) -> None:
    """Print the best learning rate for every depth."""
    depths = options.depths or [4**k for k in range(2, 8)]
    optimizers: dict[str, Callable[[float], LevelOptimizer]] = {
        "gradient descent": lambda rate: mgres.GradientDescent(rate),
        "Adam": lambda rate: mgres.Adam(rate),
    }
    kinds: dict[str, tuple[str, tuple[str, ...]]] = {
        "gradient descent": ("gradient descent", ()),
        "of the layers only": ("gradient descent", ("opening", "closing")),
        "Adam": ("Adam", ()),
    }
    found: dict[str, list[float]] = {}
    print(
        f"{options.steps} gradients, {options.seeds} seeds; best learning rate, and the loss there"
    )
    print("".join([f"{'':<32}", *(f"{depth:>16,}" for depth in depths)]))
    for label, (optimizer, fixed) in kinds.items():
        for metric in ("Euclidean", "time"):
            best, cells = [], []
            for depth in depths:
                runs = [
                    best_rate(
                        optimizers[optimizer],
                        metric,
                        depth,
                        options.first_seed + seed,
                        options.steps,
                        fixed,
                    )
                    for seed in range(options.seeds)
                ]
                rate = statistics.median(run[0] for run in runs)
                best.append(rate)
                cells.append(f"{rate:>8.3g} {statistics.median(r[1] for r in runs):>7.2g}")
            found[f"{label}, {metric}"] = best
            print("".join([f"{label + ', ' + metric:<32}", *cells]), flush=True)
    if options.plot:
        plot(options.plot, depths, found, "number of layers", "best learning rate")


def best_rate(
    make: Callable[[float], LevelOptimizer],
    metric: str,
    depth: int,
    seed: int,
    steps: int,
    fixed: tuple[str, ...],
) -> tuple[float, float]:
    """Return the learning rate with the smallest loss after `steps` gradients, and this loss."""
    X, y, _, _ = mgres.datasets.circles(seed, 300, 100)
    net = mgres.ResNet(2, 3, 2, depth)
    f = mgres.ResNetObjective(net, X, y, fixed=fixed)
    start = net.init(seed, coarse_depth=16)
    losses = {}
    for rate in RATES:
        theta = start.copy()
        state = make(rate).init(theta, time_metric(net) if metric == "time" else Euclidean())
        with np.errstate(all="ignore"):
            for _ in range(steps):
                make(rate).step(f, theta, state)
            loss = f.value(theta)
        losses[rate] = loss if np.isfinite(loss) else np.inf
    rate = min(losses, key=lambda r: losses[r])
    return rate, losses[rate]


def two_layer(options: argparse.Namespace) -> None:
    """Print the losses of very deep networks with one setting."""
    depths = options.depths or [16, 64, 256, 1024]
    print(
        f"width {WIDTH}, hidden {HIDDEN}, batches of {BATCH}, Adam {RATE}, "
        f"{options.epochs} epochs, {options.seeds} seeds; median [worst]"
    )
    print(
        f"{'layers':<8}{'training loss after 1 epoch':>30}{'half':>12}{'all':>22}{'validation':>24}"
    )
    curves: dict[str, list[float]] = {}
    for depth in depths:
        runs = [train(depth, options.first_seed + s, options.epochs) for s in range(options.seeds)]
        columns = list(zip(*[run[0] for run in runs], strict=True))
        curves[str(depth)] = [statistics.median(column) for column in columns]
        half, last = columns[len(columns) // 2 - 1], columns[-1]
        validation = [run[1] for run in runs]
        print(
            f"{depth:<8}{statistics.median(columns[0]):>30.4g}{statistics.median(half):>12.4g}"
            f"{statistics.median(last):>12.4g} [{max(last):.3g}]"
            f"{statistics.median(validation):>14.4g} [{max(validation):.3g}]",
            flush=True,
        )
    if options.plot:
        epochs = list(range(1, options.epochs + 1))
        plot(options.plot, epochs, curves, "epoch", "training loss")


def train(depth: int, seed: int, epochs: int) -> tuple[list[float], float]:
    """Return the training loss after each epoch, and the validation loss at the end."""
    X, y, X_val, y_val = lorenz(seed)
    block = blocks.TwoLayer(HIDDEN, norm="layer", activation="silu")
    net = mgres.ResNet(3, WIDTH, 3, depth, block=block)
    f = mgres.ResNetObjective(net, X, y, "squared_error")
    held_out = mgres.ResNetObjective(net, X_val, y_val, "squared_error")
    theta = net.init(seed, "glorot", coarse_depth=16)
    optimizer = mgres.Adam(RATE)
    state = optimizer.init(theta, Euclidean())
    rng = np.random.default_rng(seed)
    losses = []
    for _ in range(epochs):
        order = rng.permutation(len(X))
        for first in range(0, len(X), BATCH):
            chosen = order[first : first + BATCH]
            part = mgres.ResNetObjective(net, X[chosen], y[chosen], "squared_error")
            optimizer.step(part, theta, state)
        losses.append(f.value(theta))
    return losses, held_out.value(theta)


def lorenz(seed: int):
    """Points and where Lorenz' equations take them, divided by 15; 2,000 and 500."""
    X, Y = ((x / 15).astype(np.float32) for x in flow(seed, 2500))
    return X[:2000], Y[:2000], X[2000:], Y[2000:]


def plot(
    file: str, x: Sequence[float], curves: dict[str, list[float]], x_label: str, y_label: str
) -> None:
    """Draw the curves on logarithmic axes, if matplotlib is there."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    for (label, values), marker in zip(curves.items(), "os^vDx", strict=False):
        axes.plot(x, values, marker=marker, label=label)
    axes.set(xlabel=x_label, ylabel=y_label, yscale="log")
    if x_label != "epoch":
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(file, dpi=150)


if __name__ == "__main__":
    main()
