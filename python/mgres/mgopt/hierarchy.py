"""The levels that a cycle runs through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, overload

from ..checks import check_number
from .metric import Diagonal, Euclidean, Metric
from .objective import Objective
from .optimizer import LevelOptimizer
from .transfer import Transfer
from .work import Counted, WorkUnits


@dataclass(frozen=True)
class Level:
    """One level: what is minimised, how, and the way to the next coarser level.

    Attributes
    ----------
    objective : Objective
        The level's own objective, without coupling.
    optimizer : LevelOptimizer
        What smooths on this level.
    transfer : Transfer or None
        The operators between this level and the next coarser one; None on the coarsest.
    metric : Metric
        How the level turns derivatives into steps.
    cost : float or None
        What one gradient costs in work units; by default the size relative to the finest level.
    details : mapping
        Further columns for the printed table, such as layers and step size.
    """

    objective: Objective
    optimizer: LevelOptimizer
    transfer: Transfer | None = None
    metric: Metric = field(default_factory=Euclidean)
    cost: float | None = None
    details: Mapping[str, object] = field(default_factory=dict)


class Hierarchy(Sequence[Level]):
    """Levels from the finest (index 0) to the coarsest, with a ledger of the work done on them.

    Each level's objective is wrapped so that it counts its evaluations in :attr:`work`.

    Parameters
    ----------
    levels : iterable of Level
        Finest first.

    Attributes
    ----------
    work : WorkUnits
        The ledger.

    Raises
    ------
    ValueError
        If there is no level, a transfer is missing or superfluous, or sizes or dtypes do not fit.
    """

    def __init__(self, levels: Iterable[Level]) -> None:
        given = tuple(levels)
        _check(given)
        finest = given[0].objective.size
        costs = [l.objective.size / finest if l.cost is None else l.cost for l in given]
        self.work = WorkUnits(costs)
        self._levels = tuple(
            replace(level, cost=cost, objective=Counted(_bare(level.objective), self.work, i))
            for i, (level, cost) in enumerate(zip(given, costs, strict=True))
        )

    @overload
    def __getitem__(self, index: int) -> Level: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Level]: ...
    def __getitem__(self, index: int | slice) -> Level | Sequence[Level]:
        """Return a level, 0 being the finest; ``[l:]`` is :meth:`coarser`, other slices tuples."""
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step == 1 and start < stop == len(self):
                return self.coarser(start)
        return self._levels[index]

    def coarser(self, l: int) -> Hierarchy:
        """Return the hierarchy of the levels from `l` on, for cycles that begin there.

        It shares levels and ledger with this one: a work unit stays a gradient of the finest
        objective of all.

        Raises
        ------
        ValueError
            If there is no level `l`.
        """
        if not 0 <= l < len(self):
            raise ValueError(f"l: expected a level from 0 to {len(self) - 1}, got {l}")
        part = object.__new__(Hierarchy)
        part.work = self.work
        part._levels = self._levels[l:]
        return part

    @property
    def finest(self) -> Objective:
        """The finest objective itself, for evaluations that shall not count as work."""
        return _bare(self._levels[0].objective)

    def __len__(self) -> int:
        """Return the number of levels."""
        return len(self._levels)

    def __str__(self) -> str:
        columns = ["level", *self._levels[0].details, "parameters", "gradient (WU)", "optimizer"]
        rows = [
            [
                str(i),
                *(str(l.details.get(name, "-")) for name in self._levels[0].details),
                f"{l.objective.size:,}",
                f"{l.cost:.6g}",
                str(l.optimizer),
            ]
            for i, l in enumerate(self._levels)
        ]
        widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
        return "\n".join(_line(row, widths) for row in [columns, *rows])

    def __repr__(self) -> str:
        return f"<Hierarchy of {len(self)} levels>\n{self}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    right = [cell.rjust(w) for cell, w in zip(cells[:-1], widths[:-1], strict=True)]
    return "  ".join([*right, cells[-1]])


def _bare(objective: Objective) -> Objective:
    return objective.objective if isinstance(objective, Counted) else objective


def _check(levels: tuple[Level, ...]) -> None:
    if not levels:
        raise ValueError("levels: expected at least one level, got none")
    for i, level in enumerate(levels):
        _expect(i, "dtype", level.objective.dtype, levels[0].objective.dtype)
        if level.cost is not None:
            check_number(f"level {i}: cost", level.cost, above=0)
        if isinstance(level.metric, Diagonal):
            weights = level.metric.weights
            _expect(i, "metric.weights.shape", weights.shape, (level.objective.size,))
            _expect(i, "metric.weights.dtype", weights.dtype, level.objective.dtype)
        if i == len(levels) - 1:
            if level.transfer is not None:
                raise ValueError(f"level {i}: the coarsest level takes no transfer")
            return
        if level.transfer is None:
            raise ValueError(f"level {i}: a transfer to level {i + 1} is needed, got None")
        _expect(i, "transfer.fine_size", level.transfer.fine_size, level.objective.size)
        _expect(i, "transfer.coarse_size", level.transfer.coarse_size, levels[i + 1].objective.size)


def _expect(level: int, name: str, actual: Any, expected: Any) -> None:
    if actual != expected:
        raise ValueError(f"level {level}: {name}: expected {expected}, got {actual}")
