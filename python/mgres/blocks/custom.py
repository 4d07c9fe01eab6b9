"""Blocks of the user's own, in Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from .. import _core
from ..schemes import Scheme
from .block import Block


@dataclass(frozen=True)
class Custom(Block):
    r"""A block of your own, in NumPy: slow but right.  Derive a frozen dataclass from it.

    Everything works with it but :func:`mgres.save` and :func:`mgres.torch.to_module`.  Products
    with second derivatives are derivatives by a complex step, so they need functions that are right
    for complex numbers.
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
            f"block: expected one of mgres, whose own code a file needs not, got {self}"
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
