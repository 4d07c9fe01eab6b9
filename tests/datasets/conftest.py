"""What the data set tests share: idx files made by hand, no network, no traces in the home."""

import gzip
import os
import socket
import struct
from pathlib import Path

import numpy as np
import pytest

REAL_DATA = os.environ.get("MGRES_DATA")
CODES = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}


class Idx:
    """An independent encoder of idx files."""

    @staticmethod
    def header(code, *shape):
        return bytes([0, 0, code, len(shape)]) + b"".join(struct.pack(">I", n) for n in shape)

    @classmethod
    def encode(cls, array):
        array = np.asarray(array)
        payload = array.astype(array.dtype.newbyteorder(">")).tobytes()
        return cls.header(CODES[array.dtype.name], *array.shape) + payload

    @classmethod
    def write(cls, path, array):
        """Write an array; compressed if the name ends in .gz."""
        path = Path(path)
        contents = cls.encode(array)
        path.write_bytes(gzip.compress(contents) if path.suffix == ".gz" else contents)
        return path


@pytest.fixture(scope="session")
def idx():
    return Idx


@pytest.fixture(autouse=True)
def sandbox(monkeypatch, tmp_path):
    """Keep the tests off the network and away from the user's own data."""

    def refuse(*args, **kwargs):
        raise AssertionError(f"a test reached for the network: {args}")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.delenv("MGRES_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def real_mnist(sandbox, monkeypatch):
    """Let MGRES_DATA lead to the real MNIST files again."""
    if not REAL_DATA:
        pytest.skip(
            "NOT TESTED on the real MNIST: set MGRES_DATA to the folder that holds the four files "
            "(mgres.datasets.download_mnist() fetches them)"
        )
    monkeypatch.setenv("MGRES_DATA", REAL_DATA)
