"""Training in TensorBoard."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from ...resnet.network import Array
from ..history import Record

MISSING = 'mgres.TensorBoard needs tensorboardX: pip install "mgres[tensorboard]"'

_opened = itertools.count()


class TensorBoard:
    """A callback for :func:`mgres.fit` that writes what happens for TensorBoard.

    After every cycle it writes the scalars ``loss`` and ``accuracy`` (where it was asked for),
    which belong to ``level``, ``finest``, the loss of the finest network where it is known,
    ``work_units``, ``seconds`` and, for every level that was corrected, ``alpha/level_0`` and so
    on: the step along the coarse correction, 0 if it was rejected.  The step of the horizontal
    axis is the cycle.

    `fit` closes it at its end, however it ends; calling it again opens another file in the same
    folder, which TensorBoard shows as one run.  It uses tensorboardX, or without it PyTorch's
    writer.

    Parameters
    ----------
    logdir : str or Path
        Folder for the event files; it is made when needed.

    Raises
    ------
    ImportError
        If neither package is there.

    Examples
    --------
    >>> import mgres
    >>> X, y, *_ = mgres.datasets.circles(seed=0)
    >>> f = mgres.ResNetObjective(mgres.ResNet(2, 3, 2, depth=32), X, y)
    >>> mgres.fit(f, callbacks=[mgres.TensorBoard("runs/circles")])  # doctest: +SKIP

    and then ``tensorboard --logdir runs``.
    """

    def __init__(self, logdir: str | Path) -> None:
        self.logdir = Path(logdir)
        self._make = _find_writer()
        self._writer: Any = None

    def __call__(self, record: Record, theta: Array) -> None:
        """Write the scalars of a record."""
        if self._writer is None:
            # writers name their files by the second: two that are opened in one would be one file
            suffix = f".{os.getpid()}.{next(_opened)}"
            self._writer = self._make(str(self.logdir), filename_suffix=suffix)
        for name, value in scalars(record).items():
            self._writer.add_scalar(name, value, record.cycle)

    def close(self) -> None:
        """Write what is pending and close the file; without effect if there is none."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __enter__(self) -> TensorBoard:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def scalars(record: Record) -> dict[str, float]:
    """Return what is written of a record, by name."""
    found: dict[str, float] = {
        "loss": record.loss,
        "work_units": record.work_units,
        "seconds": record.seconds,
        "level": record.level,
    }
    if record.accuracy is not None:
        found["accuracy"] = record.accuracy
    if record.finest is not None:
        found["finest"] = record.finest
    # a W-cycle corrects a level more than once: the last time counts
    found |= {f"alpha/level_{c.level}": c.alpha for c in record.corrections}
    return found


def _find_writer() -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ImportError(MISSING) from error
    return SummaryWriter
