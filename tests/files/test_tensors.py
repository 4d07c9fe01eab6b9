"""Named arrays in a file: the layout, and everything that can be wrong with it."""

from __future__ import annotations

import errno
import json
import os
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgres.files import FormatError, read_tensors, replacing, write_tensors
from mgres.files.atomic import sync_folder
from mgres.files.tensors import DTYPES, LARGEST_HEADER

ARRAYS = {
    "matrix": np.arange(6, dtype=np.float32).reshape(2, 3),
    "vector": np.array([1.5, np.nan, -np.inf]),
    "scalar": np.array(7),
    "empty": np.empty((0, 3), np.float32),
    "truth": np.array([True, False, True]),
    "bytes": np.frombuffer(b"{}", np.uint8),
}


def write_raw(path, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)


def test_arrays_and_metadata_come_back(tmp_path):
    path = tmp_path / "file.safetensors"
    write_tensors(path, ARRAYS, {"a": "ü", "b": '{"c": "crc32"}'})
    arrays, metadata = read_tensors(path)
    assert_same(arrays, ARRAYS)
    assert metadata == {"a": "ü", "b": '{"c": "crc32"}'}
    for array in arrays.values():
        assert array.flags.writeable
        assert array.flags.owndata


@pytest.mark.parametrize("code", DTYPES)
def test_every_dtype_comes_back(tmp_path, code):
    array = np.array([0, 1, 1], DTYPES[code])
    write_tensors(tmp_path / "file", {"x": array}, {})
    assert_same(read_tensors(tmp_path / "file")[0], {"x": array})


def test_layout_is_the_published_one(tmp_path):
    # read by hand, from the description alone
    path = tmp_path / "file"
    write_tensors(path, ARRAYS, {"key": "text"})
    contents = path.read_bytes()
    length = int.from_bytes(contents[:8], "little")
    header = json.loads(contents[8 : 8 + length])
    assert contents[8:9] == b"{"
    assert length % 8 == 0
    data = contents[8 + length :]
    assert header.pop("__metadata__")["key"] == "text"
    assert header["matrix"]["dtype"] == "F32"
    for name, facts in header.items():
        begin, end = facts["data_offsets"]
        assert begin % ARRAYS[name].itemsize == 0
        assert data[begin:end] == ARRAYS[name].tobytes()


def test_strided_and_foreign_arrays_are_written_in_order(tmp_path):
    array = np.arange(12.0).reshape(3, 4)
    given = {"t": array.T, "s": array[:, ::2], "b": array.astype(">f8")}
    write_tensors(tmp_path / "file", given, {})
    expected = {"t": array.T, "s": array[:, ::2], "b": array}
    assert_same(read_tensors(tmp_path / "file")[0], expected)


def test_the_safetensors_package_reads_what_is_written(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    write_tensors(tmp_path / "file", ARRAYS, {})
    assert_same(safetensors.load_file(tmp_path / "file"), ARRAYS)


def test_what_the_safetensors_package_writes_is_read(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    safetensors.save_file(ARRAYS, tmp_path / "file", {"key": "text"})
    arrays, metadata = read_tensors(tmp_path / "file")
    assert_same(arrays, ARRAYS)
    assert metadata == {"key": "text"}


def test_checksum_survives_other_software_unless_the_contents_change(tmp_path):
    safetensors = pytest.importorskip("safetensors")
    numpy = pytest.importorskip("safetensors.numpy")
    write_tensors(tmp_path / "file", ARRAYS, {"key": "text"})
    with safetensors.safe_open(tmp_path / "file", "numpy") as file:
        metadata = file.metadata()
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    numpy.save_file(arrays, tmp_path / "copy", metadata)
    assert_same(read_tensors(tmp_path / "copy")[0], ARRAYS)
    arrays["vector"] = arrays["vector"] + 1
    numpy.save_file(arrays, tmp_path / "copy", metadata)
    with pytest.raises(FormatError, match="checksum"):
        read_tensors(tmp_path / "copy")


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        (b"", b"", "damaged"),
        (b"{", b"", "damaged"),
        (b"\xff\xfe", b"", "damaged"),
        (b"[" * 100_000, b"", "damaged"),
        (b'{"x": ' * 100_000, b"", "damaged"),
        (b"9" * 10_000, b"", "damaged"),
        ([], b"", "no JSON object"),
        ({"__metadata__": 3}, b"", "metadata"),
        ({"__metadata__": {"a": 3}}, b"", "metadata"),
        (b'{"x": 1, "x": 2}', b"", "twice"),
        ({"x": 3}, b"", "not described"),
        ({"x": {"dtype": "F32"}}, b"", "not described"),
        ({"x": entry(dtype="F31")}, bytes(8), "unknown dtype"),
        ({"x": entry(dtype=["F32"])}, bytes(8), "unknown dtype"),
        ({"x": entry(shape=(-2,))}, bytes(8), "shape"),
        ({"x": entry(shape=(True, 2))}, bytes(8), "shape"),
        ({"x": entry(shape=(2.0,))}, bytes(8), "shape"),
        ({"x": entry(shape=(1,) * 33, offsets=(0, 4))}, bytes(4), "shape"),
        ({"x": entry(offsets=(0,))}, bytes(8), "data_offsets"),
        ({"x": entry(offsets=(8, 0))}, bytes(8), "bytes"),
        ({"x": entry(offsets=(0, 2**80))}, bytes(8), "bytes"),
        ({"x": entry(shape=(3,))}, bytes(8), "bytes"),
        ({"x": entry(shape=(2**40,), offsets=(0, 2**42))}, bytes(8), "expected 4398"),
        ({"x": entry(shape=(0, 2**70, 2**70), offsets=(0, 0))}, b"", "damaged"),
        ({"x": entry()}, bytes(7), "expected 8 bytes"),
        ({"x": entry()}, bytes(9), "expected 8 bytes"),
        ({"x": entry(offsets=(4, 12))}, bytes(12), "begins at 4"),
        ({"x": entry(), "y": entry()}, bytes(8), "begins at 0"),
        ({"x": entry(dtype="BOOL", offsets=(0, 2))}, b"\x00\x02", "neither true nor false"),
        ({"__metadata__": {"crc32": "00000000"}, "x": entry()}, bytes(8), "checksum"),
    ],
)
def test_damaged_header_is_refused(tmp_path, header, data, message):
    path = write_raw(tmp_path / "file", header, data)
    with pytest.raises(FormatError, match=message) as info:
        read_tensors(path)
    assert str(path) in str(info.value)
    assert isinstance(info.value, ValueError)


@pytest.mark.parametrize("length", [3, LARGEST_HEADER + 1, 2**40, 2**64 - 1])
def test_length_of_the_header_is_checked_before_it_is_read(tmp_path, length):
    path = write_raw(tmp_path / "file", b"{}", length=length)
    with pytest.raises(FormatError, match="not a safetensors file"):
        read_tensors(path)


def test_memory_is_asked_for_only_after_all_sizes_fit(tmp_path, monkeypatch):
    path = write_raw(tmp_path / "f", {"x": entry(shape=(2**40,), offsets=(0, 2**42))}, bytes(8))

    def fail(*args):
        raise AssertionError(f"empty{args}")

    monkeypatch.setattr(np, "empty", fail)
    with pytest.raises(FormatError):
        read_tensors(path)


def test_every_truncation_is_noticed(tmp_path):
    path = tmp_path / "file"
    write_tensors(path, ARRAYS, {"key": "text"})
    contents = path.read_bytes()
    for end in range(len(contents)):
        path.write_bytes(contents[:end])
        with pytest.raises(FormatError):
            read_tensors(path)


def test_every_flipped_bit_is_noticed_or_harmless(tmp_path):
    path = tmp_path / "file"
    write_tensors(path, {"x": np.arange(3.0)}, {"key": "text"})
    contents = path.read_bytes()
    expected = read_tensors(path)
    unnoticed = 0
    for i in range(8 * len(contents)):
        damaged = bytearray(contents)
        damaged[i // 8] ^= 1 << i % 8
        path.write_bytes(damaged)
        try:
            arrays, metadata = read_tensors(path)
        except FormatError:
            continue
        unnoticed += 1
        assert_same(arrays, expected[0])  # but for a flip in the name of the checksum
        assert {**metadata, **expected[1]} == metadata
    assert unnoticed < 8 * len("crc32") + 8 * 8


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_one_way(tmp_path_factory, contents):
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(contents)
    with pytest.raises(FormatError):
        read_tensors(path)


@pytest.mark.parametrize(
    ("arrays", "metadata", "error"),
    [
        ({"x": np.array([1j])}, {}, TypeError),
        ({"x": np.array(["a"])}, {}, TypeError),
        ({"x": np.array([None])}, {}, TypeError),
        ({"__metadata__": np.array([1])}, {}, ValueError),
        ({}, {"crc32": "1"}, ValueError),
    ],
)
def test_what_does_not_fit_is_not_written(tmp_path, arrays, metadata, error):
    with pytest.raises(error):
        write_tensors(tmp_path / "file", arrays, metadata)
    assert list(tmp_path.iterdir()) == []


def test_missing_file_and_folder_are_os_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_tensors(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        write_tensors(tmp_path / "none" / "file", {}, {})


# ---- whole files ---------------------------------------------------------------------------------


def test_contents_are_on_the_disk_before_the_name_and_then_the_name(tmp_path, monkeypatch):
    calls = []
    sync, rename = os.fsync, type(tmp_path).replace

    def note_sync(descriptor):
        calls.append("folder" if os.path.isdir(f"/dev/fd/{descriptor}") else "file")  # noqa: PTH112
        sync(descriptor)

    def note_rename(self, target):
        calls.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(type(tmp_path), "replace", note_rename)
    with replacing(tmp_path / "file") as file:
        file.write(b"new")
        assert not (tmp_path / "file").exists()
    assert calls == ["file", "rename", "folder"]
    assert (tmp_path / "file").read_bytes() == b"new"


def test_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "file"
    write_tensors(path, {"x": np.arange(3)}, {})

    def write_half():
        with replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert_same(read_tensors(path)[0], {"x": np.arange(3)})
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("code", "raised"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_folders_that_cannot_be_synced_are_no_error(tmp_path, monkeypatch, code, raised):
    def fail(descriptor):
        raise OSError(code, "no")

    monkeypatch.setattr(os, "fsync", fail)
    if raised:
        with pytest.raises(OSError, match="no"):
            sync_folder(tmp_path)
    else:
        sync_folder(tmp_path)


def test_checksum_is_that_of_zlib():
    # a changed checksum would make old files unreadable
    assert f"{zlib.crc32(b'123456789'):08x}" == "cbf43926"
