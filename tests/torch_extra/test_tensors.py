"""Tensors and arrays share memory, or it is said why they cannot."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is missing: pip install 'mgres[torch]'")

from mgres.torch import as_array, as_tensor  # noqa: E402

DTYPES = ["float32", "float64", "int64", "int32", "uint8", "bool", "float16"]


@pytest.mark.parametrize("name", DTYPES)
def test_a_tensor_and_its_array_are_one_memory(name):
    tensor = torch.zeros(2, 3, dtype=getattr(torch, name))
    array = as_array(tensor)
    assert array.dtype == np.dtype(name)
    assert array.__array_interface__["data"][0] == tensor.data_ptr()
    array[1, 2] = 1
    assert tensor[1, 2] == 1


@pytest.mark.parametrize("name", DTYPES)
def test_an_array_and_its_tensor_are_one_memory(name):
    array = np.zeros((2, 3), name)
    tensor = as_tensor(array)
    assert tensor.dtype == getattr(torch, name)
    assert tensor.data_ptr() == array.__array_interface__["data"][0]
    tensor[1, 2] = 1
    assert array[1, 2] == 1


def test_there_and_back_is_the_same_memory():
    array = np.arange(4.0)
    back = as_array(as_tensor(array))
    assert np.shares_memory(array, back)
    assert back.flags.writeable


def test_strides_of_arrays_are_kept():
    array = np.arange(12.0).reshape(3, 4)
    tensor = as_tensor(array[::2, 1:3])
    assert tensor.stride() == (8, 1)
    assert tensor.tolist() == [[1, 2], [9, 10]]


class Exporter:
    """What another library's array shows of itself."""

    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


def test_arrays_of_other_libraries_come_by_dlpack():
    array = np.arange(3.0)
    assert np.shares_memory(as_array(Exporter(array)), array)
    assert as_tensor(Exporter(array)).data_ptr() == array.__array_interface__["data"][0]


REFUSED_TENSORS = [
    (lambda: [1.0], TypeError, "tensor: expected a tensor, got list"),
    (lambda: torch.zeros(2, requires_grad=True), ValueError, r"pass tensor\.detach\(\)"),
    (lambda: torch.zeros(2, 3).T, TypeError, r"strides \(1, 3\) .* pass tensor\.contiguous\(\)"),
    (lambda: torch.zeros(2, dtype=torch.bfloat16), TypeError, "got torch.bfloat16"),
    (lambda: torch.zeros(2, dtype=torch.complex64).conj(), TypeError, "got torch.complex64"),
    (lambda: torch.zeros(2, device="meta"), ValueError, r"got one on meta; pass tensor\.cpu\(\)"),
    (lambda: torch.zeros(2, 2).to_sparse(), TypeError, "got layout torch.sparse_coo"),
    (lambda: Exporter(np.zeros((2, 3)).T), TypeError, "expected a contiguous one"),
]


@pytest.mark.parametrize(("make", "error", "message"), REFUSED_TENSORS)
def test_tensors_that_have_no_array(make, error, message):
    with pytest.raises(error, match=message):
        as_array(make())


def frozen():
    array = np.zeros(2)
    array.flags.writeable = False
    return array


REFUSED_ARRAYS = [
    (lambda: [1.0], TypeError, "array: expected a numpy array, got list"),
    (frozen, ValueError, r"read-only one; pass array\.copy\(\)"),
    (lambda: np.zeros(3)[::-1], TypeError, r"strides \(-8,\)"),
    (lambda: np.zeros(3, ">f8"), TypeError, "got dtype >f8"),
    (lambda: np.array(["a"]), TypeError, "got dtype <U1"),
]


@pytest.mark.parametrize(("make", "error", "message"), REFUSED_ARRAYS)
def test_arrays_that_have_no_tensor(make, error, message):
    with pytest.raises(error, match=message):
        as_tensor(make())
