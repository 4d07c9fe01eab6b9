"""Damaged files of every kind: a ValueError of one line that names the file, or a table."""

from __future__ import annotations

import random

import numpy as np
import pytest

from mgres.datasets import read_table
from mgres.runs import read_config

CSV = b'a,b,kind\n1,"2",x\n3,4,"y"\n5,6,x\n'
IDX = b"\0\0\x08\x03\0\0\0\2\0\0\0\1\0\0\0\1\1\2"
TOML = b'data = "x"\ndepth = 3\nignore = ["a"]\nquiet = true\n'


def damaged(data: bytes, draw: random.Random) -> bytes:
    """Change, remove or add a few bytes."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 5)):
        at = draw.randrange(len(changed) + 1)
        what = draw.randrange(3)
        if what == 0:
            changed[at : at + 1] = bytes([draw.randrange(256)])
        elif what == 1:
            del changed[at : at + draw.randint(1, 8)]
        else:
            changed[at:at] = bytes(draw.randrange(256) for _ in range(draw.randint(1, 4)))
    return bytes(changed)


@pytest.fixture
def whole(tmp_path):
    """Return the bytes of a file that is whole, by its name."""

    def make(name: str) -> bytes:
        if name.endswith(".npz"):
            np.savez(tmp_path / "whole.npz", X=np.arange(12.0).reshape(6, 2), y=np.arange(6) % 2)
            return (tmp_path / "whole.npz").read_bytes()
        if name.endswith(".parquet"):
            reason = "NOT TESTED: Parquet (pip install pyarrow)"
            pyarrow = pytest.importorskip("pyarrow", reason=reason)
            from pyarrow import parquet

            table = pyarrow.table({"a": [1, 2, 3], "kind": ["x", "y", "x"]})
            parquet.write_table(table, tmp_path / "whole.parquet")
            return (tmp_path / "whole.parquet").read_bytes()
        return {"t.csv": CSV, "t-idx3-ubyte": IDX, "t.toml": TOML}[name]

    return make


@pytest.mark.parametrize("name", ["t.csv", "t.npz", "t.parquet", "t-idx3-ubyte", "t.toml"])
def test_damage_is_told_in_one_line(tmp_path, whole, name):
    data, path, draw = whole(name), tmp_path / name, random.Random(name)
    told = []
    for _ in range(200):
        path.write_bytes(damaged(data, draw))
        try:
            if name == "t.toml":
                read_config(path)
            else:
                read_table(path, "kind" if name in ("t.csv", "t.parquet") else None)
        except ValueError as error:
            told.append(str(error))
    assert len(told) > 100
    assert [line for line in told if not line.startswith(str(path)) or "\n" in line] == []


def test_array_that_is_no_archive(tmp_path):
    np.save(tmp_path / "t.npy", np.ones((2, 2)))
    (tmp_path / "t.npy").rename(tmp_path / "t.npz")
    with pytest.raises(ValueError, match=r"t.npz: expected arrays written by numpy.savez"):
        read_table(tmp_path / "t.npz")
