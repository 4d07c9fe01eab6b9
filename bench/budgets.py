"""What a budget buys: the loss of the finest network after given work, without a target.

    python bench/budgets.py --problems spirals,digits,flow --first-seed 300 --seeds 8

A row is the median over the seeds, and the worst in brackets, of the smallest loss of the finest
network that was known after so many work units: what `mgres.fit(f, max_work_units=...)` hands back.
"single" is L-BFGS on the finest level, with the best memory of 10, 30 and 100 for each cell; all
methods start at the same smooth point.  Work units count everything: line searches, and what the
judge asks.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from lorenz import flow

import mgres
from mgres.experiments.comparison.catalogue import PROBLEMS
from mgres.experiments.comparison.problem import Problem, Target
from mgres.info import environment

BUDGETS = (5, 10, 20, 40, 80, 160, 320)
MEMORIES = (10, 30, 100)
ANY = (Target("loss", 0.0),)


def friedman(seed: int):
    """Friedman's first function of 10 inputs, with noise of variance 1, scaled."""
    rng = np.random.default_rng([seed, 77])
    X = rng.uniform(size=(3000, 10))
    y = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2
    y += 10 * X[:, 3] + 5 * X[:, 4] + rng.standard_normal(3000)
    X, y = (X - 0.5) * np.sqrt(12), (y[:, None] - 14.4) / 5
    return X[:2000], y[:2000], X[2000:], y[2000:]


def shells(seed: int):
    """Four noisy nested shells in eight dimensions, a class each."""
    rng = np.random.default_rng([seed, 8])
    y = rng.integers(4, size=4500)
    X = rng.standard_normal((4500, 8))
    X *= ((1 + y + 0.25 * rng.standard_normal(4500)) / 2.5 / np.linalg.norm(X, axis=1))[:, None]
    return X[:3000], y[:3000], X[3000:], y[3000:]


def lorenz(seed: int):
    """Points and where Lorenz' equations take them, each coordinate scaled; 2,500 and 500."""
    X, Y = (x / [10, 12, 10] for x in flow(seed, 3000))
    return X[:2500], Y[:2500], X[2500:], Y[2500:]


def named() -> dict[str, Problem]:
    """Return the problems: those of `mgres compare` on all samples, and more."""
    tanh = {"activation": "tanh", "scheme": "glorot", "scale": 0.3}
    own = (
        Problem(
            "friedman",
            friedman,
            ANY,
            16,
            128,
            5.0,
            loss="squared_error",
            regularizer=mgres.Tikhonov(1e-4, "time"),
            **tanh,
        ),
        Problem(
            "shells", shells, ANY, 16, 256, 4.0, regularizer=mgres.Tikhonov(1e-5, "time"), **tanh
        ),
        Problem(
            "lorenz",
            lorenz,
            ANY,
            16,
            256,
            5.0,
            loss="squared_error",
            regularizer=mgres.Tikhonov(1e-6, "time"),
            **tanh,
        ),
    )
    longer = replace(
        PROBLEMS["henon-heiles"],
        name="henon-heiles-8",
        make=lambda seed: mgres.datasets.henon_heiles(seed, final_time=8.0),
    )
    full = [p for p in PROBLEMS.values() if p.batch_size is None]
    return {p.name: p for p in (*full, longer, *own)}


def losses(problem: Problem, seed: int, memory: int | None) -> list[float]:
    """Return the smallest finest loss known after each budget; `memory` None: the recipe."""
    X, y, *_ = problem.data(seed)
    f = mgres.ResNetObjective(
        problem.net(seed), X, y, problem.loss, problem.regularizer, fixed=problem.fixed
    )
    coarsest = mgres.recommended(f).hierarchy[-1].details["layers"]
    method = {} if memory is None else {"method": "single", "optimizer": mgres.LBFGS(memory)}
    result = mgres.fit(
        f,
        problem.start(seed, "smooth", coarsest),
        max_work_units=max(BUDGETS),
        max_cycles=10**6,
        seed=seed,
        **method,
    )
    known = [(r.work_units, r.finest) for r in result.history if r.finest is not None]
    return [min(loss for work, loss in known if work <= budget) for budget in BUDGETS]


def main() -> None:
    """Print the table."""
    problems = named()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", default="spirals,digits,flow,henon-heiles")
    parser.add_argument("--first-seed", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=8)
    options = parser.parse_args()
    mgres.set_num_threads(1)
    print({k: environment(mgres.__version__)[k] for k in ("isa", "cpu") if k in environment("")})
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    print(f"seeds {seeds.start} to {seeds.stop - 1}, one thread, budgets {BUDGETS}")
    for name in options.problems.split(","):
        single = np.array([[losses(problems[name], s, m) for s in seeds] for m in MEMORIES])
        best = np.median(single, axis=1).argmin(axis=0)
        chosen = single[best, :, np.arange(len(BUDGETS))].T
        ours = np.array([losses(problems[name], s, None) for s in seeds])
        for label, rows in (("single", chosen), ("mgres.fit", ours)):
            cells = zip(np.median(rows, axis=0), rows.max(axis=0), strict=True)
            text = "  ".join(f"{m:.2g} [{w:.1g}]" for m, w in cells)
            print(f"{name:15} {label:10} {text}", flush=True)
        ratio = np.median(chosen, axis=0) / np.median(ours, axis=0)
        print(f"{name:15} {'ratio':10} {'  '.join(f'{r:.3g}' for r in ratio)}", flush=True)


if __name__ == "__main__":
    main()
