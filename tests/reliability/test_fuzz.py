"""Damaged files: those of `tests/corpus`, and `tools/fuzz.py`, briefly."""

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


NAMES = (
    *("csv", "npz", "idx", "model", "checkpoint", "records", "config", "history", "lines"),
    *("images", "pictures", "parquet"),
)
CORPUS = Path(__file__).resolve().parents[1] / "corpus"
STORED = sorted(path for path in CORPUS.glob("*/*"))


def test_every_reader_has_a_corpus(fuzz, readers):
    assert {path.parent.name for path in STORED} == set(NAMES) >= set(readers)
    assert all(reader.corpus for reader in readers.values())
    assert {path.name.split("-")[0].split(".")[0] for path in STORED} == {"good", "bad", "any"}
    assert sum(path.stat().st_size for path in STORED) < 200_000, "the corpus shall stay small"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", STORED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_corpus_is_answered_as_documented(fuzz, readers, tmp_path, path):
    if path.parent.name not in readers:
        pytest.skip("pyarrow or Pillow is missing")
    reader = readers[path.parent.name]
    copy = tmp_path / f"file{reader.suffix}"  # a checkpoint is moved
    copy.write_bytes(path.read_bytes())
    answer = fuzz.judged(reader, copy)
    assert answer in {"good": [""], "bad": [None], "any": ["", None]}[path.name[:4].rstrip("-")]


@pytest.mark.parametrize("path", (CORPUS / "checkpoint").glob("bad-*"), ids=lambda path: path.stem)
def test_damaged_states_of_the_corpus_are_those_of_this_version(fuzz, readers, tmp_path, path):
    """Settings or a version that differ would hide the state: run tools/corpus.py again."""
    copy = tmp_path / "file.safetensors"
    copy.write_bytes(path.read_bytes())
    with pytest.raises(fuzz.FormatError, match="does not fit this run"):
        readers["checkpoint"].read(copy)


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
