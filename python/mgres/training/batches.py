"""Mini-batches: which samples a cycle sees."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ..resnet import ResNetObjective


def batches(f: ResNetObjective, batch_size: int | None, rng: np.random.Generator) -> Iterator[int]:
    """Put one batch after the other in use; yield the number of complete epochs behind it.

    Every epoch is a new permutation of the samples; its last batch may be smaller.
    """
    X, y = f.samples.X, f.samples.y
    n = len(X)
    epoch = 0
    while True:
        if batch_size is None:
            epoch += 1
            yield epoch
            continue
        order = rng.permutation(n)
        for start in range(0, n, batch_size):
            chosen = order[start : start + batch_size]
            f.samples.use(X[chosen], y[chosen])
            yield epoch + (start + batch_size >= n)
        epoch += 1


@contextmanager
def restored(f: ResNetObjective) -> Iterator[None]:
    """Give `f` all its samples back in the end."""
    X, y = f.samples.X, f.samples.y
    try:
        yield
    finally:
        f.samples.use(X, y)
