"""Blocks of the user's own, in Python, and the check of what they return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .. import _core
from ..schemes import Scheme
from .block import Block


@dataclass(frozen=True)
class Custom(Block):
    r"""A block of your own, in NumPy: slow but right.  Derive a frozen dataclass from it.

    Everything works with it but :func:`mgres.save` and :func:`mgres.torch.to_module`.  Products
    with second derivatives are derivatives by a complex step, so they need functions that are right
    for complex numbers.  `activation` means what :meth:`field` makes of it.
    """

    name: ClassVar[str] = "custom"

    def parameters(self, width: int) -> dict[str, tuple[int, ...]]:
        """Return names and shapes of the arrays of one layer, in the order of the flat array.

        Parameters
        ----------
        width : int
            Features of a state.

        Raises
        ------
        NotImplementedError
            Where a derived class does not have it.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say which parameters it has")

    def field(self, p: dict[str, Any], y: Any) -> tuple[Any, Callable[[Any], tuple[Any, Any]]]:
        """Return F(y; p), and what pulls derivatives back.

        Parameters
        ----------
        p : dict
            The arrays of one layer by name.
        y : ndarray, shape (n, width)
            States, samples as rows.

        Returns
        -------
        F : ndarray, shape (n, width)
        pull : callable
            From dL/dF to dL/dy and a dict of dL/dp, summed over the samples.

        Raises
        ------
        NotImplementedError
            Where a derived class does not have it.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what it computes")

    def describe(self) -> dict[str, Any]:
        """Return nothing: a file could not hold what it computes.

        Raises
        ------
        ValueError
            Always.
        """
        raise ValueError(
            f"block: expected one of mgres.blocks, as a file holds no code, got {self}; "
            "numpy.save(path, theta) keeps the parameters"
        )

    @property
    def kernel(self) -> _core.Block:
        """What is compiled: nothing, and so a ValueError."""
        raise ValueError(f"block: expected one that is compiled, got {self}")

    def check(self, width: int) -> None:
        """Check what :meth:`parameters` says.

        Parameters
        ----------
        width : int
            Features of a state.

        Raises
        ------
        ValueError
            If the size of an array is no positive integer.
        """
        for name, shape in self.parameters(width).items():
            if not shape or any(not isinstance(n, int) or n < 1 for n in shape):
                raise ValueError(
                    f"parameters: expected sizes of at least 1 for {name}, got {shape}"
                )

    def check_scheme(self, scheme: Scheme) -> None:
        """Check that layers can step by `scheme`.

        Parameters
        ----------
        scheme : Scheme
            How they step.

        Raises
        ------
        ValueError
            For the scheme of Hamiltonian blocks.
        """
        if scheme.name == "verlet":
            raise ValueError("scheme: verlet and Hamiltonian blocks need each other")


def checked_field(
    block: Custom, p: Mapping[str, Any], y: Any
) -> tuple[Any, Callable[[Any], tuple[Any, dict[str, Any]]]]:
    """Return F(y; p) and what pulls derivatives back, as arrays of NumPy, once they are checked.

    NumPy would broadcast what is wrong, and gradients would be wrong without a word.

    Parameters
    ----------
    block : Custom
        The block.
    p : mapping
        The arrays of one layer by name.
    y : ndarray, shape (n, width)
        States.

    Raises
    ------
    TypeError
        If it returns something else, or computes in a lower precision than that of `y`.
    ValueError
        If a shape or a name does not fit.
    """
    where = f"{type(block).__name__}.field"
    returned = block.field(dict(p), y)
    if not (isinstance(returned, tuple) and len(returned) == 2 and callable(returned[1])):
        raise TypeError(f"{where}: expected F and a function, got {_kind(returned)}")
    value, pull = returned
    value = _like(f"{where}: F", value, y)

    def checked_pull(r: Any) -> tuple[Any, dict[str, Any]]:
        pulled = pull(r)
        if not (isinstance(pulled, tuple) and len(pulled) == 2 and isinstance(pulled[1], Mapping)):
            raise TypeError(
                f"{where}: pull: expected dL/dy and a dict of dL/dp, got {_kind(pulled)}"
            )
        by_state, by_name = pulled
        if set(by_name) != set(p):
            raise ValueError(
                f"{where}: pull: expected derivatives by {sorted(p)}, got {sorted(by_name)}"
            )
        return _like(f"{where}: pull: dL/dy", by_state, y), {
            name: _like(f"{where}: pull: dL/d{name}", by_name[name], array)
            for name, array in p.items()
        }

    return value, checked_pull


def _like(what: str, given: Any, array: Any) -> Any:
    """Return an array with the shape of another and no lower precision."""
    found = np.asarray(given)
    if found.shape != array.shape:
        raise ValueError(f"{what}: expected shape {array.shape}, got {found.shape}")
    # of complex steps only the imaginary part counts, and it is as good in single precision
    if array.dtype.kind == "f" and found.dtype.kind == "f" and found.dtype < array.dtype:
        raise TypeError(
            f"{what}: expected {array.dtype}, got {found.dtype}; "
            'JAX computes so unless jax.config.update("jax_enable_x64", True)'
        )
    return found


def _kind(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(type(part).__name__ for part in value)})"
    return type(value).__name__
