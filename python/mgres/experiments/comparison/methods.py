"""The methods that are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from . import multilevel, peers, single
from .problem import Problem
from .single import Settings
from .trial import Trial

Grid = Callable[[Problem, bool], list[Settings]]


@dataclass(frozen=True)
class Method:
    """A way to train the network of a problem.

    Attributes
    ----------
    run : callable
        ``run(trial, settings)`` trains until `trial` has had enough.
    grid : callable
        ``grid(problem, quick)`` returns the settings from which the best is taken; if it is empty,
        the method can do nothing about the problem, and `otherwise` says why.
    make : callable or None
        ``make(problem, f, settings)`` returns the levels and what is repeated on them, for
        :func:`mgres.fit`; None for what `fit` does not run.
    fixed : tuple of str
        Parts of the network that the method leaves as they are.
    per_target : bool
        The method works towards a known target, so that each target is a run of its own.
        Otherwise one run serves all: a target's cost is what was spent when it was first reached.
    like : str or None
        Instead of the whole grid, try what is best for this method, which is the same algorithm.
    package : str or None
        What must be installed.
    most_seeds : int or None
        Judged on no more seeds than this, because it is slow.
    in_quick : bool
        Part of a quick comparison.
    otherwise : str
        What to say if the grid is empty.
    """

    run: Callable[[Trial, Settings], None]
    grid: Grid
    make: multilevel.Make | None = None
    fixed: tuple[str, ...] = ()
    per_target: bool = False
    like: str | None = None
    package: str | None = None
    most_seeds: int | None = None
    in_quick: bool = True
    otherwise: str = ""


def _single(name: str) -> Method:
    def run(trial: Trial, settings: Settings) -> None:
        single.train(trial, name, settings)

    return Method(
        run,
        lambda problem, quick: single.grid(problem, name, quick),
        lambda problem, f, settings: single.make(f, name, settings),
        in_quick=name in ("gd", "adam", "lbfgs"),
    )


_nested = partial(Method, per_target=True)
_peer = partial(
    Method,
    most_seeds=3,
    otherwise="has here dense and antisymmetric layers without norm and pace, and the activations "
    + ", ".join(peers.SIGMAS),
)

METHODS: dict[str, Method] = {
    **{f"single/{name}": _single(name) for name in single.OPTIMIZERS},
    "frozen": Method(
        single.train_frozen,
        single.frozen_grid,
        lambda problem, f, settings: single.make(f, settings["optimizer"], settings),
        fixed=("blocks",),
        otherwise="only the blocks can learn here: with them frozen nothing is left to train",
    ),
    "mgopt": Method(multilevel.paper, multilevel.paper_grid, multilevel.paper_made),
    "cascade": _nested(multilevel.cascade, multilevel.nested_grid, multilevel.cascade_made),
    "fmg": _nested(multilevel.fmg, multilevel.nested_grid, multilevel.fmg_made, in_quick=False),
    "recommended": _nested(
        multilevel.recommended, multilevel.recommended_grid, multilevel.recommended_made
    ),
    "torch/adam": _peer(
        peers.torch_adam,
        peers.adam_grid,
        like="single/adam",
        package="torch",
    ),
    "torch/lbfgs": _peer(
        peers.torch_lbfgs, peers.torch_lbfgs_grid, package="torch", in_quick=False
    ),
    "jax/adam": _peer(
        peers.jax_adam,
        peers.adam_grid,
        like="single/adam",
        package="jax",
        in_quick=False,
    ),
}
"""By name, in the order of the table."""
