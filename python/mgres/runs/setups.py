"""The problems of the paper's section 4, with every setting that a run needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from ..datasets import circles, digits, mnist

Data = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class Setup:
    """A problem and how it is trained.

    Attributes
    ----------
    name : str
        The problem.
    load : callable
        ``load(seed)`` returns training and validation arrays.
    width, depth : int
        Of the network; T = 1 and relu always.
    scheme : str
        How W_k is initialised.
    learning_rate, beta : float
        Of gradient descent, and of the Tikhonov regulariser.
    batch_size : int or None
        None trains on all samples.
    target : float
        Validation accuracy at which a run ends.
    max_work_units : float
        A run that needs more has missed the target.
    validate_work_units : float
        From one validation to the next, at least a cycle: on MNIST 10,000 validation samples cost
        three times a batch, and a run that takes thousands of cycles need not know each.
    tuning : tuple of (optimizer, learning rates)
        The grid from which the tuned single level is taken.
    paper_levels : mapping
        Table 1: levels -> (V-cycles, U_c, U).
    figure5_levels : int
        Levels of the method in figure 5.
    shape : tuple of int or None
        Of images: channels, height and width.
    loss : str
        "squared_error" is that of class vectors.
    quick_target : float
        The target of a quick run.
    """

    name: str
    load: Callable[[int], Data]
    width: int
    scheme: str
    learning_rate: float
    beta: float
    batch_size: int | None
    target: float
    max_work_units: float
    tuning: tuple[tuple[str, tuple[float, ...]], ...]
    paper_levels: dict[int, tuple[int, float, int]]
    figure5_levels: int
    quick_target: float
    depth: int = 2048
    validate_work_units: float = 0
    loss: str = "cross_entropy"
    shape: tuple[int, int, int] | None = None


def _load_circles(seed: int) -> Data:
    return circles(seed)


def _load_scaled_circles(seed: int) -> Data:
    """Return circles with features in [-1, 1], as pixels are brought to [0, 1] in the paper."""
    X_train, y_train, X_val, y_val = circles(seed)
    return X_train / X_train.dtype.type(3), y_train, X_val / X_val.dtype.type(3), y_val


def load_mnist() -> Data:
    """Return MNIST, or say how to get it.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    """
    try:
        return mnist()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            "MNIST is missing: set MGRES_DATA to the folder of its four files, or fetch them with "
            '`python -c "import mgres; mgres.datasets.download_mnist()"`'
        ) from error


def _load_digits(seed: int) -> Data:
    return digits(seed)


PAPER_CIRCLES = {
    1: (95, 1.00, 95),
    2: (32, 3.00, 96),
    4: (12, 5.00, 60),
    6: (7, 5.25, 37),
    8: (5, 5.19, 26),
}
"""Table 1: levels -> (V-cycles, U_c, U)."""

SETUPS = {
    "circles": Setup(
        name="circles",
        load=_load_circles,
        width=3,
        scheme="normal",
        learning_rate=0.1,
        beta=1e-4,
        batch_size=None,
        target=1.0,
        max_work_units=1000,
        tuning=(("gd", (0.3, 1.0, 3.0)), ("adam", (0.03, 0.1, 0.3))),
        paper_levels=PAPER_CIRCLES,
        figure5_levels=6,
        quick_target=1.0,
    ),
    "mnist": Setup(
        name="mnist",
        load=lambda seed: load_mnist(),
        width=10,
        # The paper says "randomly" and alpha = 0.01.  N(0, 1) takes half as many steps again; with
        # 0.01 a single level would take about 100,000; from 0.3 on the 8-level method over-fits
        # each batch and does not get there.
        scheme="glorot",
        learning_rate=0.1,
        beta=1e-5,
        batch_size=1000,
        # "higher than 0.93": at least one of 10,000 more
        target=0.9301,
        max_work_units=12000,
        tuning=(("gd", (1.0,)), ("adam", (0.01, 0.03))),
        paper_levels={
            1: (460, 1.00, 460),
            2: (152, 3.00, 456),
            4: (55, 5.00, 275),
            6: (33, 5.25, 173),
            8: (28, 5.19, 145),
        },
        figure5_levels=8,
        quick_target=0.9,
        validate_work_units=10,
        shape=(1, 28, 28),
    ),
    "digits": Setup(
        name="digits",
        load=_load_digits,
        width=10,
        scheme="normal",
        learning_rate=0.3,
        beta=1e-5,
        batch_size=None,
        target=0.95,
        max_work_units=2000,
        tuning=(("gd", (1.0, 3.0)), ("adam", (0.03, 0.1, 0.3))),
        paper_levels={},
        figure5_levels=8,
        quick_target=0.95,
        shape=(1, 8, 8),
    ),
}
"""The paper's two problems as they are repeated here, circles as they may have been, and digits."""

SETUPS["circles-scaled"] = replace(
    SETUPS["circles"],
    name="circles-scaled",
    load=_load_scaled_circles,
    max_work_units=2000,
    loss="squared_error",
)

PAPER_TABLE2 = {
    "[1, 1, 1, 1, 1, 1, 1, {1}]": (7, 5.97, 42),
    "[1, 1, 1, 1, 1, 1, 1, {2}]": (7, 5.96, 42),
    "[1, 1, 1, 1, 1, 1, 1, {5}]": (6, 5.99, 36),
    "[1, 1, 1, 1, 1, 1, 1, {10}]": (5, 6.03, 30),
    "[1, 1, 1, 1, 2, 2, 2, {2}]": (5, 6.19, 31),
    "[(1), 1, 1, 1, 2, 2, 2, {2}]": (5, 5.19, 26),
}
"""Table 2: set-up -> (V-cycles, U_c, U) as printed; the first two U_c are swapped there."""

PAPER_SENSITIVITY = {"mean_ratio": 3.54, "relative_deviation": 0.0802}
"""Section 4.1: one level over eight, mean and relative standard deviation of nine cells."""
