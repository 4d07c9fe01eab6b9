"""The symmetric rank-one matrix of the last pairs, as its spectrum in the level's metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import _core
from ..metric import Metric
from ..objective import Vector
from .trust_subproblem import solve_diagonal

Matrix = NDArray[np.floating[Any]]

NEGLIGIBLE = 1e-6
"""Vectors shorter than this share of the terms that they are the sum of are taken for 0.

They come out of products that are right to rounding, 1e-16, so their lengths are right to 1e-8.
"""


class PairMemory:
    """The last pairs of a step s and the change z = M^-1 y of the gradient along it, oldest first.

    They are held in double precision whatever the level's dtype, and all their products go by way
    of M, never of M^-1, so that what is orthogonal remains so when the two are inverse to each
    other in single precision only.

    Parameters
    ----------
    capacity : int
        The largest number of pairs.
    metric : Metric
        The metric M of the level.

    Attributes
    ----------
    s, z : list of Vector
        The pairs.
    ss, sz, zz : ndarray, shape (k, k)
        <s_i, M s_j>, <s_i, M z_j> = <s_i, y_j> and <z_i, M z_j>.
    """

    def __init__(self, capacity: int, metric: Metric) -> None:
        self.capacity = capacity
        self.metric = metric
        self.s: list[Vector] = []
        self.z: list[Vector] = []
        self.ss: Matrix = _zeros(0)
        self.sz: Matrix = _zeros(0)
        self.zz: Matrix = _zeros(0)

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.s)

    def append(self, s: Vector, z: Vector) -> None:
        """Add a pair, even beyond the capacity: see `trim`."""
        s, z = s.astype(np.float64), z.astype(np.float64)
        dual_s, dual_z = self.dual(s), self.dual(z)
        self.s.append(s)
        self.z.append(z)
        s_z = [_core.dot(other, dual_z) for other in self.s]
        z_s = [_core.dot(other, dual_s) for other in self.z]
        s_s = [_core.dot(other, dual_s) for other in self.s]
        z_z = [_core.dot(other, dual_z) for other in self.z]
        self.ss = _bordered(self.ss, s_s, s_s)
        self.sz = _bordered(self.sz, s_z, z_s)
        self.zz = _bordered(self.zz, z_z, z_z)

    def dual(self, primal: Vector) -> Vector:
        """Return M `primal`."""
        out = np.empty_like(primal)
        self.metric.to_dual(primal, out)
        return out

    def trim(self) -> None:
        """Forget the oldest pairs, as far as there are too many."""
        while len(self) > self.capacity:
            self.remove(0)

    def remove(self, i: int) -> None:
        """Forget pair number `i`."""
        i %= len(self)
        del self.s[i], self.z[i]
        self.ss, self.sz, self.zz = (
            np.delete(np.delete(a, i, axis=0), i, axis=1) for a in (self.ss, self.sz, self.zz)
        )


def _bordered(matrix: Matrix, column: list[float], row: list[float]) -> Matrix:
    """Return `matrix` with one more column and one more row, both ending with the corner."""
    k = len(matrix)
    out = np.empty((k + 1, k + 1))
    out[:k, :k], out[:, k], out[k, :] = matrix, column, row
    return out


@dataclass(frozen=True)
class SR1Model:
    r"""B = sigma M + Psi W Psi^T, with the updates of the pairs in a :class:`PairMemory`.

    The columns of Psi are M (z_i - sigma s_i); W has one row for each of them and is built by the
    recursion of the updates

    .. math:: B_{i+1} = B_i + \frac{r r^T}{\langle r, s_i \rangle}, \quad r = M z_i - B_i s_i,

    with vectors held as combinations of the columns, so that only products of pairs are needed.
    It is the compact representation of Nocedal and Wright, section 7.2, but for updates that are
    skipped one by one: where the secant equation holds already, and where the share of r along s_i
    is less than `skip` ((6.26) there).

    Attributes
    ----------
    memory : PairMemory
        The pairs; they must not change while the model is in use.
    sigma : float
        The curvature where no pair says anything, positive.
    used : tuple of bool
        Which pairs were not skipped.
    eigenvalues : ndarray, shape (r,)
        Of B relative to M, in the space of M^-1 Psi.  All others are sigma.
    basis : ndarray, shape (k, r)
        M^-1 Psi `basis` are the eigenvectors, orthonormal in the metric.
    """

    memory: PairMemory
    sigma: float
    used: tuple[bool, ...]
    eigenvalues: Matrix
    basis: Matrix

    @classmethod
    def build(cls, memory: PairMemory, sigma: float, skip: float) -> SR1Model:
        """Return the model of the pairs in `memory`."""
        k = len(memory)
        psi_s = memory.sz.T - sigma * memory.ss  # <psi_i, s_j>
        gram = memory.zz - sigma * (memory.sz + memory.sz.T) + sigma**2 * memory.ss
        lengths = np.sqrt(np.diag(memory.zz)) + sigma * np.sqrt(np.diag(memory.ss))
        combinations: list[Matrix] = []
        pivots: list[float] = []
        used = []
        for j in range(k):
            r = np.zeros(k)
            r[j] = 1.0
            for c, pivot in zip(combinations, pivots, strict=True):
                r -= (c @ psi_s[:, j]) / pivot * c
            pivot = float(r @ psi_s[:, j])
            length = np.sqrt(max(float(r @ gram @ r), 0.0))
            known = length <= NEGLIGIBLE * float(np.abs(r) @ lengths)
            least = skip * length * np.sqrt(memory.ss[j, j])
            used.append(not known and pivot != 0 and abs(pivot) >= least)
            if used[-1]:
                combinations.append(r)
                pivots.append(pivot)
        w = sum((np.outer(c, c) / p for c, p in zip(combinations, pivots, strict=True)), _zeros(k))
        columns = np.flatnonzero(
            np.array(used, bool) & (np.diag(gram) > (NEGLIGIBLE * lengths) ** 2)
        )
        kept = np.ix_(columns, columns)
        eigenvalues, basis = _spectrum(gram[kept], w[kept])
        padded = np.zeros((k, len(eigenvalues)))
        padded[columns] = basis
        return cls(memory, sigma, tuple(used), sigma + eigenvalues, padded)

    def minimise(self, gradient: Vector, radius: float) -> tuple[Vector, float]:
        """Return the minimiser p of (g, p) + <p, B p> / 2 with |p|_M <= radius, and that minimum.

        Following O. Burdakov, L. Gong, S. Zikrin and Y. Yuan (2017) and J. Brust, J. Erway and R.
        Marcia (2017), the eigenvectors turn the problem into a diagonal one whose dimension is the
        number of pairs, plus one for everything orthogonal to them.

        Parameters
        ----------
        gradient : Vector
            The gradient g = M^-1 f'(x) in the metric, in double precision.
        radius : float
            In the norm of the metric.
        """
        memory, sigma = self.memory, self.sigma
        dual = memory.dual(gradient)
        along_psi = np.array([_core.dot(z, dual) for z in memory.z])
        along_psi -= sigma * np.array([_core.dot(s, dual) for s in memory.s])
        parallel = self.basis.T @ along_psi
        rest = np.sqrt(max(_core.dot(gradient, dual) - float(parallel @ parallel), 0.0))
        eigenvalues = np.append(self.eigenvalues, sigma)
        components = np.append(parallel, rest)
        step = solve_diagonal(eigenvalues, components, radius)
        reduction = float(components @ step + eigenvalues @ step**2 / 2)
        scale = float(step[-1] / rest) if rest > 0 else 0.0
        p = scale * gradient
        for c, s, z in zip(
            self.basis @ (step[:-1] - scale * parallel), memory.s, memory.z, strict=True
        ):
            _core.axpy(float(c), z, p)
            _core.axpy(-sigma * float(c), s, p)
        return p, reduction


def _zeros(k: int) -> Matrix:
    return np.zeros((k, k))


def _spectrum(gram: Matrix, w: Matrix) -> tuple[Matrix, Matrix]:
    """Return the nonzero eigenvalues of Psi W Psi^T relative to M, and the basis.

    With Psi^T M^-1 Psi = A A^T they are those of A^T W A; A comes from eigenvectors of the products
    of the normalised columns.
    """
    scale = np.sqrt(np.diag(gram))
    values, vectors = np.linalg.eigh(gram / np.outer(scale, scale))
    kept = values > NEGLIGIBLE**2 * len(values)
    values, vectors = values[kept], vectors[:, kept]
    root = scale[:, None] * vectors * np.sqrt(values)
    eigenvalues, rotation = np.linalg.eigh(root.T @ w @ root)
    return eigenvalues, (vectors / np.sqrt(values) / scale[:, None]) @ rotation
