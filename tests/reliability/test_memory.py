"""Readers take memory in proportion to what they return: at most 3 times that and 50 MB."""

from __future__ import annotations

import gzip
import json
import sys
import zipfile

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="NOT TESTED: peaks of memory, known on Linux"
)

SLACK = 50
READ = """
    import sys
    from pathlib import Path
    import mgres
    from mgres.datasets import read_images, read_table
    from mgres.datasets.idx import read_idx
    from mgres.files import FormatError, load

    READERS = {"table": read_table, "idx": read_idx, "images": read_images, "model": load}

    def peak():
        # ru_maxrss begins with the memory of the process that started this one
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

    before = peak()
    found, data = None, 0
    how, path, *target = sys.argv[1:]
    try:
        found = READERS[how](path, *target)
    except FormatError as error:
        print(error, file=sys.stderr)
    if how == "table":
        data = (found.X.nbytes + found.target.values.nbytes) / 2**20
    elif how == "images":
        data = (found.X.nbytes + found.X_val.nbytes) / 2**20
    elif how == "idx":
        data = found.nbytes / 2**20
    print(peak() - before, data)
"""


@pytest.fixture
def measure(run_python):
    """Return a function that returns the peak of reading a file, and the size of what came (MB)."""

    def read(*arguments):
        peak, data = map(float, run_python(READ, *arguments, OMP_NUM_THREADS="1").stdout.split())
        return peak, data

    return read


def test_members_that_nobody_asked_for(tmp_path, measure):
    path = tmp_path / "t.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in (("X", np.arange(6.0).reshape(3, 2)), ("y", np.array([0, 1, 0]))):
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array)
        with archive.open("junk.npy", "w") as file:
            np.lib.format.write_array(file, np.zeros((300, 2**17)))  # 300 MB
    peak, _ = measure("table", path)
    assert peak < SLACK


@pytest.mark.parametrize("kinds", ["xy", ""])
def test_tables_of_text(tmp_path, measure, rng, kinds):
    path = tmp_path / "t.csv"
    X = rng.normal(size=(150_000, 6)).round(6)
    with path.open("w") as file:
        file.write("a,b,c,d,e,f" + (",kind\n" if kinds else "\n"))
        for i, row in enumerate(X.tolist()):
            file.write(",".join([*map(repr, row), *kinds[i % 2 : i % 2 + 1]]) + "\n")
    peak, data = measure("table", path, "kind" if kinds else "f")
    assert data > 6
    assert peak < 3 * data + SLACK / 2


@pytest.mark.parametrize("dtype", ["u1", "f4"])
def test_compressed_images(tmp_path, measure, dtype):
    path = tmp_path / "images-idx3-ubyte.gz"
    array = np.zeros((100, 1 << 20 if dtype == "u1" else 1 << 18), dtype)  # 100 MB
    code = {"u1": 0x08, "f4": 0x0D}[dtype]
    header = bytes([0, 0, code, 2]) + np.array(array.shape, ">u4").tobytes()
    with gzip.open(path, "wb", 1) as file:
        file.write(header)
        file.write(array.tobytes())
    peak, data = measure("idx", path)
    assert data == 100
    assert peak < data + SLACK / 2


def test_a_folder_of_pictures(tmp_path, measure):
    pillow = pytest.importorskip("PIL.Image", reason="NOT TESTED: pictures (pip install pillow)")
    pixels = np.random.default_rng(0).integers(0, 9, (400, 400, 3), np.uint8)
    for i in range(30):
        path = tmp_path / "set" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pillow.fromarray(pixels).save(path)
    peak, data = measure("images", tmp_path / "set")
    assert data > 50
    assert peak < 1.2 * data + SLACK / 2


def test_an_archive_of_images(tmp_path, measure):
    path = tmp_path / "t.npz"
    pixels = np.random.default_rng(0).integers(0, 256, (500, 200, 200), np.uint8)
    np.savez(path, x_train=pixels, y_train=np.arange(500) % 2, x_test=pixels, y_test=[0, 1] * 250)
    peak, data = measure("images", path)
    assert data > 150
    assert peak < 1.5 * data + SLACK / 2


def header_of_arrays():
    entry = '"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    return ('{"__metadata__":{},' + ",".join(entry % i for i in range(300_000)) + "}").encode()


HEADERS = {
    "arrays": header_of_arrays,
    "arrays up to the bound": lambda: header_of_arrays()[:1_500_000].rpartition(b",")[0] + b"}",
    "objects": lambda: b'{"a":[' + b"{}," * 2_000_000 + b"0]}",
    "lists": lambda: b'{"a":[' + b"[[[[[[[[]]]]]]]]," * 300_000 + b"0]}",
    "deep": lambda: b'{"a":' + b"[" * 3_000_000 + b"]" * 3_000_000 + b"}",
    "texts": lambda: json.dumps({"__metadata__": {f"{i}": "" for i in range(120_000)}}).encode(),
    "names": lambda: json.dumps(
        {"__metadata__": {"a": json.dumps([f"column {i}" for i in range(300_000)])}}
    ).encode(),
    "longest": lambda: b'{"__metadata__":{"a":"' + b"x" * 7_999_900 + b'"}}',
}


@pytest.mark.parametrize("kind", HEADERS)
def test_headers_of_models(tmp_path, measure, kind):
    header = HEADERS[kind]()
    path = tmp_path / "m.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    peak, _ = measure("model", path)
    assert peak < 3 * len(header) / 2**20 + SLACK
