"""Which modules can be the parts of a network that is trained by levels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

DTYPES: dict[Any, np.dtype[Any]] = {
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
}


def check_parts(stem: nn.Module, blocks: Sequence[nn.Module], head: nn.Module) -> np.dtype[Any]:
    """Return the dtype of all parameters if the modules can be parts of a network.

    Raises
    ------
    TypeError
        If one is no module, or parameters are of several dtypes.
    ValueError
        If there is no block, blocks differ in more than values, modules share a parameter, one is
        on another device, or one has a state beside its parameters.
    """
    named = [("stem", stem), *((f"blocks[{k}]", b) for k, b in enumerate(blocks)), ("head", head)]
    for name, module in named:
        if not isinstance(module, nn.Module):
            raise TypeError(f"{name}: expected an nn.Module, got {type(module).__name__}")
    if not blocks:
        raise ValueError("blocks: expected at least one block, got none")
    if not any(True for _ in blocks[0].parameters()):
        raise ValueError(f"blocks: expected blocks with parameters, got {blocks[0]}")
    for name, module in named:
        _check_stateless(name, module)
    for k, block in enumerate(blocks):
        _check_alike(k, block, blocks[0])
    return _check_parameters(named)


def _check_stateless(name: str, module: nn.Module) -> None:
    """Refuse modules whose output is no function of input and parameters alone."""
    for inner, part in module.named_modules():
        where = f"{name}.{inner}" if inner else name
        if isinstance(part, _BatchNorm):
            raise ValueError(
                f"{where}: expected layers without running statistics, got "
                f"{type(part).__name__}: its output depends on the other samples and its "
                "statistics belong to one level; take GroupNorm or LayerNorm"
            )
        if isinstance(part, _DropoutNd) and part.p > 0:
            raise ValueError(
                f"{where}: expected a deterministic layer, got {part}: gradients and line "
                "searches of a multilevel method compare values of one function; take a "
                "regularizer instead"
            )


def _check_alike(k: int, block: nn.Module, first: nn.Module) -> None:
    if type(block) is not type(first) or repr(block) != repr(first):
        raise ValueError(
            f"blocks[{k}]: expected a block that differs from blocks[0] in the values of its "
            f"parameters only, got {block} beside {first}"
        )
    ours, theirs = _signature(block), _signature(first)
    if ours != theirs:
        raise ValueError(f"blocks[{k}]: expected the parameters of blocks[0], {theirs}, got {ours}")
    buffers = dict(first.named_buffers())
    for name, buffer in block.named_buffers():
        if name not in buffers or not torch.equal(buffer, buffers[name]):
            raise ValueError(
                f"blocks[{k}].{name}: expected the buffer of blocks[0], as coarse levels have "
                "other blocks than fine ones; make it a parameter if it shall differ"
            )


def _signature(module: nn.Module) -> list[tuple[str, tuple[int, ...], bool]]:
    return [(n, tuple(p.shape), p.requires_grad) for n, p in module.named_parameters()]


def _check_parameters(named: Iterable[tuple[str, nn.Module]]) -> np.dtype[Any]:
    seen: dict[int, str] = {}
    dtypes: dict[Any, str] = {}
    for name, module in named:
        for inner, p in module.named_parameters(remove_duplicate=False):
            where = f"{name}.{inner}"
            if id(p) in seen:
                raise ValueError(
                    f"{where}: expected a parameter of its own, got the one of {seen[id(p)]}"
                )
            seen[id(p)] = where
            if p.device.type != "cpu":
                raise ValueError(f"{where}: expected a parameter on the CPU, got {p.device}")
            dtypes.setdefault(p.dtype, where)
    dtype, where = next(iter(dtypes.items()))
    if len(dtypes) > 1 or dtype not in DTYPES:
        raise TypeError(
            "stem, blocks, head: expected parameters of one dtype, float32 or float64, got "
            + ", ".join(f"{d} ({where})" for d, where in dtypes.items())
        )
    return DTYPES[dtype]


def check_residual(k: int, y: Tensor, residual: Any) -> None:
    """Raise an error unless a block's output can be added to its input `y`."""
    if not isinstance(residual, Tensor) or residual.shape != y.shape or residual.dtype != y.dtype:
        got = (
            f"{tuple(residual.shape)} of {residual.dtype}"
            if isinstance(residual, Tensor)
            else type(residual).__name__
        )
        raise ValueError(
            f"blocks[{k}]: expected an output like the input, shape {tuple(y.shape)} of {y.dtype}, "
            f"got {got}"
        )
