"""Blocks of the user's own, in Python, and the check of what they return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..schemes import Scheme
from .block import MODIFIERS, TAKEN, Block
from .sizes import check_size


@dataclass(frozen=True)
class Custom(Block):
    r"""A block of your own, in NumPy: slow but right.  Derive a frozen dataclass from it.

    Everything works with it but :func:`mgres.save` and :func:`mgres.torch.to_module`.  Products
    with second derivatives are derivatives by a complex step, so they need functions that are right
    for complex numbers.  `activation` means what :meth:`field` makes of it.
    """

    name: ClassVar[str] = "custom"

    def _check_options(self) -> None:
        """Check nothing: attributes are the user's own, whatever they are called."""

    @property
    def only_width(self) -> None:
        """The width that networks must have: none."""
        return None

    def parameters(self, width: int) -> dict[str, tuple[int, ...]]:
        """Return names and shapes of the arrays of one layer, in the order of the flat array.

        "Q", "W_out" and "b_out" are taken, and an underscore is no first character.  Regularisers
        leave "scale" and "pace" alone; these come last.

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
            The arrays of one layer by name, which cannot be written to.
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
    def compiled(self) -> _core.Block:
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
        TypeError
            If it is no dict of tuples.
        ValueError
            If the size of an array is no positive integer, or a name cannot be one.
        """
        found = self.parameters(width)
        if not isinstance(found, dict):
            raise TypeError(
                f"parameters: expected a dict of shapes by name, got {type(found).__name__}"
            )
        for name, shape in found.items():
            if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
                raise ValueError(f"parameters: expected names of arrays, got {name!r}")
            if name in TAKEN:
                raise ValueError(f"parameters: {name} is an array of every network already")
            if not isinstance(shape, tuple):
                raise TypeError(f"parameters: expected a tuple for {name}, got {shape!r}")
            try:
                sizes = [check_size(name, n) for n in shape]
            except ValueError:
                sizes = []
            if not sizes:
                raise ValueError(
                    f"parameters: expected sizes of at least 1 for {name}, got {shape}"
                )
        last = [name in MODIFIERS for name in found]
        if last != sorted(last):
            raise ValueError(f"parameters: expected {MODIFIERS} after all others, got {[*found]}")

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
    block: Custom, p: dict[str, NDArray[Any]], y: NDArray[Any]
) -> tuple[NDArray[Any], Callable[[NDArray[Any]], tuple[NDArray[Any], dict[str, NDArray[Any]]]]]:
    """Return what the field of `block` returns, once it has been looked at.

    NumPy would take a wrong shape for one that shall be repeated, and go on with other numbers.

    Raises
    ------
    TypeError
        If it is no pair, or real for complex states.
    ValueError
        If a shape or the names of the parameters do not fit.
    """
    where = f"{type(block).__name__}.field"
    value, pull = _pair(where, block.field(_read_only(p), y), "F and pull")
    if not callable(pull):
        raise TypeError(f"{where}: expected to return F and pull, got {type(pull).__name__} for it")
    value = _fitting(f"{where}: F", value, y)
    if np.iscomplexobj(value) != np.iscomplexobj(y):
        kind = "real" if np.iscomplexobj(y) else "complex"
        raise TypeError(
            f"{where}: F: expected {y.dtype} for states of {y.dtype}, got {kind} numbers; products "
            "with second derivatives need functions that are right for complex ones"
        )

    def checked(r: NDArray[Any]) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
        by_y, by_p = _pair(f"{where}: pull", pull(r), "dL/dy and a dict of dL/dp")
        if not isinstance(by_p, dict):
            raise TypeError(f"{where}: pull: expected a dict of dL/dp, got {type(by_p).__name__}")
        if by_p.keys() != p.keys():
            raise ValueError(f"{where}: pull: expected dL/dp for {[*p]}, got {[*by_p]}")
        return _fitting(f"{where}: dL/dy", by_y, y), {
            name: _fitting(f"{where}: dL/dp of {name}", g, p[name]) for name, g in by_p.items()
        }

    return value, checked


def _read_only(p: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    found = {name: array.view() for name, array in p.items()}
    for array in found.values():
        array.flags.writeable = False
    return found


def _pair(where: str, found: Any, what: str) -> tuple[Any, Any]:
    if not isinstance(found, tuple) or len(found) != 2:
        raise TypeError(f"{where}: expected to return {what}, got {type(found).__name__}")
    return found


def _fitting(name: str, found: Any, like: NDArray[Any]) -> NDArray[Any]:
    array = np.asarray(found)
    if array.shape != like.shape:
        raise ValueError(f"{name}: expected shape {like.shape}, got {array.shape}")
    # of complex steps only the imaginary part counts, and it is as good in single precision
    if like.dtype.kind == "f" and array.dtype.kind == "f" and array.dtype < like.dtype:
        raise TypeError(
            f"{name}: expected {like.dtype}, got {array.dtype}; "
            'JAX computes so unless jax.config.update("jax_enable_x64", True)'
        )
    return array
