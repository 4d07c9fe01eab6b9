"""How fast the core is on this machine: what `mgres bench` prints.

The comparison with other programs, and with targets, is the repository's ``bench/peers.py``.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .. import _core
from ..checks import check_integer
from ..resnet import ResNet, ResNetObjective, reference

TURN = 0.05
"""Seconds of calls that one turn lasts at least."""
CHECKED = 64
"""Samples on which answers are compared with the reference, which is slow."""
TOLERANCE = {"float32": 1e-4, "float64": 1e-10}
"""Relative error against the reference in double precision."""


@dataclass(frozen=True)
class Speed:
    """One timing.

    Attributes
    ----------
    task : str
        ``"gradient"`` or ``"output"``.
    width, depth, samples : int
        Of the network and the batch.
    dtype : str
        ``"float32"`` or ``"float64"``.
    milliseconds : float
        Of one call, median over the turns.
    fastest : float
        The fastest turn's milliseconds.
    gflops : float
        Useful operations (gradient 6 v² n K, output 2 v² n K) over the median, in 10⁹ per second.
    peak : float
        What independent multiply-adds in registers reach in the same turns, in 10⁹ per second.
    """

    task: str
    width: int
    depth: int
    samples: int
    dtype: str
    milliseconds: float
    fastest: float
    gflops: float
    peak: float

    @property
    def share(self) -> float:
        """Share of the peak, 0 to 1."""
        return self.gflops / self.peak


def speed(
    widths: Sequence[int] = (4, 10, 32),
    *,
    depth: int = 2048,
    samples: int = 1000,
    dtype: DTypeLike = np.float32,
    repeats: int = 7,
) -> list[Speed]:
    """Time the gradient and the output of relu networks, next to the processor's peak.

    Before anything is timed, gradient and output are compared with the plain NumPy reference.
    Gradient, output and peak take turns, because a processor's frequency varies.

    Parameters
    ----------
    widths : sequence of int
        Widths v of the networks.
    depth : int
        Layers K.
    samples : int
        Samples n of the batch.
    dtype : dtype
        float32 or float64.
    repeats : int
        Turns; the result is their median.

    Returns
    -------
    list of Speed
        Two for every width.

    Raises
    ------
    ValueError, TypeError
        If an argument makes no network, no batch or no turn.
    ArithmeticError
        If the core's answer is wrong, which would make its speed meaningless.
    """
    counts = [("samples", samples), ("repeats", repeats), *(("widths", v) for v in widths)]
    for name, number in counts:
        check_integer(name, number)
    if not widths:
        raise ValueError("widths: expected at least one")
    return [row for width in widths for row in _time(width, depth, samples, dtype, repeats)]


def table(rows: Sequence[Speed]) -> str:
    """Return the timings as a table, one line each."""
    lines = [
        f"{'task':10}{'width':>6}{'depth':>7}{'samples':>9}  {'dtype':8}"
        f"{'ms':>9}{'fastest':>9}{'GFLOP/s':>9}{'peak':>7}{'share':>7}"
    ]
    lines += [
        f"{r.task:10}{r.width:6}{r.depth:7}{r.samples:9}  {r.dtype:8}"
        f"{r.milliseconds:9.3f}{r.fastest:9.3f}{r.gflops:9.1f}{r.peak:7.0f}{r.share:7.0%}"
        for r in rows
    ]
    return "\n".join(lines)


def _time(
    width: int, depth: int, samples: int, dtype: DTypeLike, repeats: int
) -> tuple[Speed, Speed]:
    net = ResNet(n_inputs=width, width=width, n_outputs=2, depth=depth, dtype=np.dtype(dtype))
    rng = np.random.default_rng(0)
    X = rng.standard_normal((samples, width)).astype(net.dtype)
    y = rng.integers(0, 2, samples)
    theta = net.init(0)
    _check(net, theta, X[:CHECKED], y[:CHECKED])

    f = ResNetObjective(net, X, y)
    out = np.empty_like(theta)
    gradient = _Turns(lambda: f.value_and_grad(theta, out))
    output = _Turns(lambda: net.logits(theta, X))
    peak = []
    for _ in range(repeats):
        gradient.take()
        output.take()
        peak.append(_core.multiply_add_rate(net.dtype, TURN) / 1e9)

    def row(task: str, turns: _Turns, operations: int) -> Speed:
        seconds = statistics.median(turns.seconds)
        return Speed(
            task,
            width,
            depth,
            samples,
            net.dtype.name,
            1e3 * seconds,
            1e3 * min(turns.seconds),
            operations * width**2 * samples * depth / seconds / 1e9,
            statistics.median(peak),
        )

    return row("gradient", gradient, 6), row("output", output, 2)


class _Turns:
    """Seconds of a call, one number for every turn of as many calls as fill it."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        call()  # memory and threads are there from now on
        start = time.perf_counter()
        call()
        self._calls = max(1, round(TURN / max(time.perf_counter() - start, 1e-9)))
        self.seconds: list[float] = []

    def take(self) -> None:
        """Time one turn."""
        start = time.perf_counter()
        for _ in range(self._calls):
            self._call()
        self.seconds.append((time.perf_counter() - start) / self._calls)


def _check(
    net: ResNet, theta: NDArray[np.floating], X: NDArray[np.floating], y: NDArray[np.int64]
) -> None:
    """Raise if output or gradient are not those of the reference in double precision."""
    exact, x = theta.astype(np.float64), X.astype(np.float64)
    found = np.empty_like(theta)
    ResNetObjective(net, X, y).value_and_grad(theta, found)
    precise = replace(net, dtype=np.dtype(np.float64))
    _, expected = reference.value_and_grad(precise, "cross_entropy", exact, x, np.eye(2)[y])
    pairs = {
        "output": (net.logits(theta, X), reference.logits(precise, exact, x)),
        "gradient": (found, expected),
    }
    for name, (ours, theirs) in pairs.items():
        error = float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))
        if not error <= TOLERANCE[net.dtype.name]:
            raise ArithmeticError(
                f"the {name} at width {net.width} is wrong: relative error {error:.1e} against the "
                "reference; please report this together with the output of `mgres info`"
            )
