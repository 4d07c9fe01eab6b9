"""One layer of a network in PyTorch's operations: :mod:`mgres.resnet.reference` once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.functional import linear

from ..blocks import Antisymmetric, Block, Dense, Gradient, Hamiltonian, Sparse, TwoLayer
from ..schemes import Scheme

Layer: TypeAlias = Mapping[str, Tensor]
"""The arrays of one layer, or those of all, by name."""


class Stepping(Protocol):
    """How layers step: a network of one stack, or a stack."""

    @property
    def dt(self) -> float:
        """The step size."""
        ...

    @property
    def scheme(self) -> Scheme:
        """The time discretisation."""
        ...


class SteppingBlocks(Stepping, Protocol):
    """And what they compute."""

    @property
    def block(self) -> Block:
        """F."""
        ...


SMOOTH = 0.1
"""Half width of the parabola of smooth_relu."""


def smooth_relu(z: Tensor) -> Tensor:
    """Return the parabola, held at its ends, and above them the rest of relu."""
    return (z.clamp(-SMOOTH, SMOOTH) + SMOOTH) ** 2 / (4 * SMOOTH) + torch.relu(z - SMOOTH)


def softplus(z: Tensor) -> Tensor:
    """Return log(1 + e^z), which is z in double precision where PyTorch's takes over at 20."""
    return functional.softplus(z, threshold=40.0)


SIGMA: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "logistic": torch.sigmoid,
    "identity": lambda z: z,
    "smooth_relu": smooth_relu,
    "silu": functional.silu,
    "gelu": functional.gelu,
    "softplus": softplus,
    "elu": functional.elu,
    "leaky_relu": functional.leaky_relu,
}


def prepared(block: Block, layers: Layer) -> Layer:
    """Return the arrays of all layers as the operations take them."""
    if isinstance(block, Sparse):
        return {**layers, "W": full(block, layers["W"], layers["b"].shape[-1])}
    if not isinstance(block, Antisymmetric):
        return layers
    W = layers["W"]
    identity = torch.eye(W.shape[-1], dtype=W.dtype, device=W.device)
    return {**layers, "W": (W - W.transpose(-1, -2)) / 2 - block.damping * identity}


def correlated(
    images: Tensor,
    W: Tensor,
    b: Tensor | None,
    padding: str,
    *,
    stride: Sequence[int] = (1, 1),
    groups: int = 1,
) -> Tensor:
    """Return W * images + b, for kernels of odd sizes, at every pixel or in steps of several."""
    sides = [n // 2 for n in W.shape[-2:]]
    if padding == "periodic":
        for axis, n in ((-2, sides[0]), (-1, sides[1])):
            size = images.shape[axis]
            around = torch.arange(-n, size + n, device=images.device) % size
            images = images.index_select(axis, around)
        sides = [0, 0]
    return functional.conv2d(images, W, b, list(stride), sides, groups=groups)


def full(block: Sparse, W: Tensor, width: int) -> Tensor:
    """Return the matrices (K, width, width) of all layers, of which only the entries are given.

    PyTorch's sparse matrices have no second derivatives, no compiler and few devices.
    """
    rows, columns = block.pattern.places(width)
    places = torch.from_numpy(rows * width + columns).to(W.device)
    zeros = W.new_zeros(len(W), width * width)
    return zeros.index_copy(1, places, W).unflatten(1, (width, width))


def mapped(block: Block, W: Tensor, b: Tensor | None, y: Tensor) -> Tensor:
    """Return W y + b, samples as rows, for a matrix or the block's convolution."""
    filters = block.filters
    if filters is None:
        return linear(y, W, b)
    images = y.reshape(len(y), -1, *filters.pixels)
    return correlated(images, W, b, filters.padding, groups=filters.groups).flatten(1)


def potential(block: Block, K: Tensor, b: Tensor, y: Tensor) -> Tensor:
    """Return K^T sigma(K y + b)."""
    z = mapped(block, K, b, y)
    sigma, filters = SIGMA[block.activation], block.filters
    if filters is None:
        return sigma(z) @ K
    if filters.padding == "periodic":
        # the transpose is the convolution with the flipped kernel, channels exchanged in each group
        grouped = K.unflatten(0, (filters.groups, -1)).transpose(1, 2).flatten(0, 1)
        return mapped(block, grouped.flip(-2, -1), None, sigma(z))
    a = sigma(z).reshape(len(y), -1, *filters.pixels)
    padding = [n // 2 for n in K.shape[-2:]]
    transposed = functional.conv_transpose2d(a, K, padding=padding, groups=filters.groups)
    return transposed.flatten(1)


def normalised(block: Block, norm: str, g: Tensor, y: Tensor) -> Tensor:
    """Return the norm of a state's features, or of the channels of each pixel."""
    if block.filters is None:
        if norm == "layer":
            return functional.layer_norm(y, y.shape[-1:], g, None, 1e-5)
        return functional.rms_norm(y, y.shape[-1:], g, 1e-5)
    pixels = y.reshape(len(y), len(g), -1).transpose(1, 2)
    of_pixels = normalised(Dense(), norm, g, pixels)
    return of_pixels.transpose(1, 2).flatten(1)


def field(block: Block, p: Layer, y: Tensor) -> Tensor:
    """Return F(y; p) for the arrays of one layer, as :func:`prepared` returns them."""
    sigma, norm = SIGMA[block.activation], getattr(block, "norm", None)
    if norm is not None:
        y = normalised(block, norm, p["scale"], y)
    if isinstance(block, TwoLayer):
        hidden = sigma(mapped(block, p["W1"], p["b1"], y))
        value = mapped(block, p["W2"], p["b2"], hidden)
    elif isinstance(block, Gradient):
        value = block.sign * potential(block, p["K"], p["b"], y)
    else:
        value = sigma(mapped(block, p["W"], p["b"], y))
    return torch.exp(p["pace"]) * value if "pace" in p else value


def advance(net: Stepping, f: Callable[[Tensor], Tensor], y: Tensor) -> Tensor:
    """Return y_{k+1} from y_k by the scheme of `net`, verlet aside, for a layer y' = `f`(y)."""
    h, scheme = net.dt, net.scheme
    if scheme.name == "euler":
        return torch.add(y, f(y), alpha=h)
    k1 = f(y)
    if scheme.name == "matched":
        a = (scheme.substeps - 1) / (2 * scheme.substeps)
        return y + h * ((1 - a) * k1 + a * f(y + h * k1))
    if scheme.name == "rk4":
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + f(y + h * k3))
    raise ValueError(f"scheme: {scheme} is unknown")


def step(net: SteppingBlocks, p: Layer, y: Tensor) -> Tensor:
    """Return y_{k+1} from y_k, samples as rows."""
    block = net.block
    if not isinstance(block, Hamiltonian):
        return advance(net, lambda x: field(block, p, x), y)
    sigma: Any = SIGMA[block.activation]
    first, second = y.chunk(2, -1)
    if block.hidden is None:
        second = second - net.dt * sigma(linear(first, p["W"].T, p["b"]))
        return torch.cat([first + net.dt * sigma(linear(second, p["W"], p["b"])), second], -1)
    second = second - net.dt * (sigma(linear(first, p["K"], p["b"])) @ p["K"])
    first = first + net.dt * (sigma(linear(second, p["L"], p["c"])) @ p["L"])
    return torch.cat([first, second], -1)
