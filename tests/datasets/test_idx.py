import gzip
import io
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mgres.datasets.idx import CHUNK, _count_bytes, read_idx

DTYPES = ["uint8", "int8", "int16", "int32", "float32", "float64"]
SMALL = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("idx") / "file"


def read_bytes(scratch, contents):
    scratch.write_bytes(contents)
    return read_idx(scratch)


def is_read_or_refused(scratch, contents):
    """Whether reading gives an array or a ValueError that names the file, and nothing else."""
    try:
        return isinstance(read_bytes(scratch, contents), np.ndarray)
    except ValueError as error:
        return str(error).startswith(f"{scratch}: expected ")


arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(max_dims=5, min_side=0, max_side=4))
)


@settings(deadline=None)  # files may be slow
@given(array=arrays, packed=st.booleans())
def test_round_trip(idx, scratch, array, packed):
    contents = idx.encode(array)
    back = read_bytes(scratch, gzip.compress(contents) if packed else contents)
    assert back.dtype == array.dtype
    assert back.dtype.isnative
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()  # bits, for the sake of NaN
    assert back.flags.c_contiguous
    assert back.flags.writeable


def test_bytes_by_hand(scratch):
    array = read_bytes(scratch, bytes.fromhex("00000B02 00000001 00000002 0102 FFFE"))
    np.testing.assert_array_equal(array, np.array([[258, -2]], np.int16), strict=True)


def test_gzip_is_recognised_by_content_not_by_name(idx, tmp_path):
    contents = idx.encode(SMALL)
    (tmp_path / "plain.gz").write_bytes(contents)
    (tmp_path / "packed").write_bytes(gzip.compress(contents))
    np.testing.assert_array_equal(read_idx(tmp_path / "plain.gz"), SMALL)
    np.testing.assert_array_equal(read_idx(str(tmp_path / "packed")), SMALL)


@settings(deadline=None)
@given(contents=st.binary(max_size=200))
@example(contents=b"")
@example(contents=b"\x1f\x8b")
@example(contents=b"\0\0\x08\x01\0\0\0\0")
def test_random_bytes_raise_nothing_but_value_error(scratch, contents):
    for prefix in (b"", b"\0\0\x08", b"\x1f\x8b", b"\x1f\x8b\x08"):
        assert is_read_or_refused(scratch, prefix + contents)


@settings(deadline=None)
@given(data=st.data(), array=arrays, inside=st.booleans(), outside=st.booleans())
def test_mutations_raise_nothing_but_value_error(idx, scratch, data, array, inside, outside):
    contents = idx.encode(array)

    def mutate(contents):
        start = data.draw(st.integers(0, len(contents)))
        stop = start + data.draw(st.integers(0, 4))
        return contents[:start] + data.draw(st.binary(max_size=4)) + contents[stop:]

    if inside:
        contents = mutate(contents)
    if outside:
        contents = mutate(gzip.compress(contents))
    assert is_read_or_refused(scratch, contents)


PACKING = pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])


@PACKING
@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"", "expected an idx header of 4 bytes, got 0 bytes"),
        (b"\0\0\x08", "expected an idx header of 4 bytes, got 3 bytes"),
        (b"\0\1\x08\1\0\0\0\0", "expected an idx file, starting with 00 00, got 00 01 08 01"),
        (b"\0\0\x0a\1\0\0\0\0", "0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E, got 0x0A"),
        (b"\0\0\x08\0\0", "expected 1 dimension or more, got 0"),
        (b"\0\0\x08\2\0\0\0\0", "expected 8 bytes of dimensions, got 4 bytes"),
        (b"\0\0\x0b\1\0\0\0\2abc", "expected 4 bytes of payload, .* got 3 bytes"),
        (b"\0\0\x0b\1\0\0\0\2abcde", "expected 4 bytes of payload, .* got more"),
        (b"\0\0\x0b\1\0\0\0\0a", "expected 0 bytes of payload, .* got more"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "expected 79228162458924105385300197375 bytes"),
        (b"\0\0\x08\xff" + b"\0" * 1020, "a shape that NumPy can hold, got 255 dimensions"),
        (b"\0\0\x08\x04\0\0\0\0" + b"\xff" * 12, "a shape that NumPy can hold, got 4 dimensions"),
    ],
    ids=[
        "empty",
        "short-magic",
        "foreign-magic",
        "unknown-type",
        "no-dimensions",
        "short-dimensions",
        "short-payload",
        "long-payload",
        "payload-of-none",
        "huge",
        "many-dimensions",
        "huge-beside-zero",
    ],
)
def test_malformed(scratch, pack, contents, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_bytes(scratch, pack(contents))
    assert str(caught.value).startswith(f"{scratch}: expected ")


@pytest.mark.parametrize("cut", [2, 5, 12, -9, -8, -4, -1])
def test_truncated_gzip(idx, scratch, cut):
    with pytest.raises(ValueError, match="expected an intact gzip stream, got a damaged one"):
        read_bytes(scratch, gzip.compress(idx.encode(SMALL))[:cut])


def test_gzip_checksum_is_verified(idx, scratch):
    contents = bytearray(gzip.compress(idx.encode(SMALL)))
    contents[-8] ^= 1
    with pytest.raises(ValueError, match=r"damaged one .*CRC"):
        read_bytes(scratch, bytes(contents))


def test_gzip_followed_by_garbage(idx, scratch):
    with pytest.raises(ValueError, match="damaged"):
        read_bytes(scratch, gzip.compress(idx.encode(SMALL)) + b"garbage")


def peak_of_refusal(scratch, message):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message):
            read_idx(scratch)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@PACKING
@pytest.mark.parametrize("shape", [(1 << 30,), (1 << 31, 1 << 31)])
def test_lying_size_allocates_nothing(idx, scratch, pack, shape):
    scratch.write_bytes(pack(idx.header(8, *shape) + bytes(64 << 20)))
    assert peak_of_refusal(scratch, "got 67108864 bytes") < 8 << 20


def test_gzip_bomb_is_stopped_just_beyond_the_declared_size(idx, scratch):
    bomb = gzip.compress(idx.header(8, 10) + bytes(64 << 20))
    # had the reader gone on to the end, it would have seen that the end is missing
    scratch.write_bytes(bomb[:-100])
    assert peak_of_refusal(scratch, "expected 10 bytes .* got more") < 8 << 20


@pytest.mark.parametrize("most", [1, CHUNK - 1, CHUNK, CHUNK + 1])
def test_counting_looks_at_no_more_than_asked(most):
    stream = io.BytesIO(bytes(3 * CHUNK))
    assert _count_bytes(stream, most) == stream.tell() == most
    assert _count_bytes(stream, 4 * CHUNK) == 3 * CHUNK - most


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such idx file.*nothing-here") as caught:
        read_idx(tmp_path / "nothing-here")
    assert caught.value.filename == str(tmp_path / "nothing-here")
