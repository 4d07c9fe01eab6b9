"""Memory shared between PyTorch's tensors and NumPy's arrays."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


def as_array(tensor: Any) -> NDArray[Any]:
    """Return an array on the memory of `tensor`: nothing is copied, writes show in both.

    Parameters
    ----------
    tensor : torch.Tensor, or any object with ``__dlpack__``
        On the CPU, dense and contiguous, and not part of a graph of derivatives.  Arrays of other
        libraries come by the DLPack protocol, and are read-only where that says so.

    Returns
    -------
    ndarray
        C-contiguous, with the shape and dtype of `tensor`.

    Raises
    ------
    TypeError
        If it is no tensor, has a dtype that NumPy does not know or is not contiguous.
    ValueError
        If it is on another device or requires derivatives, which writes to the array would belie.

    Examples
    --------
    >>> import torch
    >>> tensor = torch.zeros(3)
    >>> as_array(tensor)[1] = 5
    >>> tensor
    tensor([0., 5., 0.])
    """
    if not isinstance(tensor, torch.Tensor):
        if not hasattr(tensor, "__dlpack__"):
            raise TypeError(f"tensor: expected a tensor, got {type(tensor).__name__}")
        return _contiguous(np.from_dlpack(tensor))
    if tensor.requires_grad:
        raise ValueError(
            "tensor: expected one without derivatives, got requires_grad=True; pass tensor.detach()"
        )
    return array_of("tensor", tensor)


def as_tensor(array: Any) -> torch.Tensor:
    """Return a tensor on the memory of `array`: nothing is copied, writes show in both.

    Parameters
    ----------
    array : ndarray, or any object with ``__dlpack__``
        Writable, as a tensor always is, and of native byte order.

    Returns
    -------
    torch.Tensor
        On the CPU, with the shape, strides and dtype of `array`.

    Raises
    ------
    TypeError
        If it is no array, has a dtype that PyTorch does not know or negative strides.
    ValueError
        If it is read-only.

    Examples
    --------
    >>> import numpy as np
    >>> array = np.zeros(3)
    >>> as_tensor(array)[1] = 5
    >>> array
    array([0., 5., 0.])
    """
    if not isinstance(array, np.ndarray):
        if not hasattr(array, "__dlpack__"):
            raise TypeError(f"array: expected a numpy array, got {type(array).__name__}")
        return torch.utils.dlpack.from_dlpack(array)
    if not array.flags.writeable:
        raise ValueError(
            "array: expected a writable array, as tensors are, got a read-only one; "
            "pass array.copy()"
        )
    try:
        return torch.from_numpy(array)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"array: expected a dtype and a layout that PyTorch has, got dtype {array.dtype} with "
            f"strides {array.strides}: {error}"
        ) from error


def as_readable_tensor(array: NDArray[Any]) -> torch.Tensor:
    """Return a tensor on the memory of `array`, which may be read-only, to be read alone."""
    if array.flags.writeable:
        return as_tensor(array)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(array)


def array_of(name: str, tensor: torch.Tensor) -> NDArray[Any]:
    """Return an array on the memory of a tensor without derivatives, called `name` in errors."""
    check_tensor(name, tensor)
    if not tensor.is_contiguous():
        raise TypeError(
            f"{name}: expected a contiguous tensor, got strides {tensor.stride()} for shape "
            f"{tuple(tensor.shape)}; pass {name}.contiguous()"
        )
    try:
        array: NDArray[Any] = tensor.numpy()
    except (TypeError, RuntimeError) as error:  # bfloat16, a conjugate view, ...
        raise TypeError(
            f"{name}: expected a dtype that NumPy has, got {tensor.dtype}: {error}"
        ) from error
    return array


def check_tensor(name: str, tensor: torch.Tensor) -> None:
    """Raise an error unless `tensor` is a dense one on the CPU."""
    if tensor.device.type != "cpu":
        raise ValueError(
            f"{name}: expected a tensor on the CPU, where mgres computes, got one on "
            f"{tensor.device}; pass {name}.cpu()"
        )
    if tensor.layout != torch.strided:
        raise TypeError(f"{name}: expected a dense tensor, got layout {tensor.layout}")


def _contiguous(array: NDArray[Any]) -> NDArray[Any]:
    if not array.flags.c_contiguous:
        raise TypeError(
            f"tensor: expected a contiguous one, got strides {array.strides} for shape "
            f"{array.shape}"
        )
    return array
