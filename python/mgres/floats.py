"""NumPy's handling of overflow and its like, while mgres computes.

A decorator as :class:`numpy.errstate` is one, but for several threads: before NumPy 2 that one
remembers the settings of all callers in one place.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast

import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])
Kind = Literal["over", "invalid", "divide", "under"]


def quiet(*kinds: Kind) -> Callable[[Function], Function]:
    """Return a decorator that lets NumPy ignore errors of these kinds, and give back its settings.

    Parameters
    ----------
    *kinds : str
        Of :func:`numpy.seterr`.
    """
    settings: dict[str, Any] = dict.fromkeys(kinds, "ignore")

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def run(*arguments: Any, **keywords: Any) -> Any:
            with np.errstate(**settings):
                return function(*arguments, **keywords)

        return cast(Function, run)

    return decorate
