"""Damaged files: `tools/fuzz.py`, briefly."""

import importlib.util
import random
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "fuzz.py"
FILES = 150


@pytest.fixture(scope="module")
def fuzz():
    found = importlib.util.spec_from_file_location("fuzz", SCRIPT)
    module = importlib.util.module_from_spec(found)
    sys.modules["fuzz"] = module  # dataclasses look there
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def readers(fuzz, tmp_path_factory):
    return fuzz.readers(tmp_path_factory.mktemp("good"))


NAMES = ("csv", "npz", "idx", "model", "checkpoint", "records", "config", "history", "parquet")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_readers_answer_as_documented(fuzz, readers, tmp_path, name):
    if name not in readers:
        pytest.skip("pyarrow is missing")
    reader = readers[name]
    for contents in reader.good:
        path = tmp_path / f"good{reader.suffix}"
        path.write_bytes(contents)
        assert fuzz.judged(reader, path) == "", "what is not damaged must be read"
    rng = random.Random(f"0 {name}")
    assert fuzz.hunt(name, reader, rng, lambda fed: fed >= FILES, tmp_path) == 0


def test_a_reader_with_a_fault_is_found(fuzz, readers, tmp_path, capsys):
    reader = readers["config"]

    def broken(path):
        if b"\0" in path.read_bytes():
            raise KeyError("from inside")

    careless = fuzz.Reader(reader.suffix, reader.good, broken, reader.raises)
    rng = random.Random(0)
    assert fuzz.hunt("config", careless, rng, lambda fed: fed >= 1000, tmp_path) == 1
    assert "KeyError: 'from inside' (test_fuzz.py:" in capsys.readouterr().out
    assert b"\0" in (tmp_path / "config-1.toml").read_bytes()
