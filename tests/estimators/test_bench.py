"""The comparison with scikit-learn's models runs, and its verdict is the one it documents."""

import runpy
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture(scope="module")
def bench():
    return runpy.run_path(str(BENCH / "estimators.py"), run_name="bench_estimators")


def test_verdict_is_by_the_standard_error_of_the_difference(bench):
    peer = [0.8, 0.9, 1.0, 0.9]
    below = [score - 0.057 for score in peer]  # the error of the difference is 0.0577
    assert bench["verdict"](below, peer) == "ok"
    assert bench["verdict"]([score - 0.06 for score in peer], peer) == "worse"


def test_table(bench, capsys):
    assert bench["main"](["--data", "wine", "--threads", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [
        ["wine", "ResNet"],
        ["wine", "MLP"],
        ["wine", "logistic"],
    ]
    assert lines[1].endswith("ok")
    assert lines[-1] == "not worse than the MLP on any"


def test_of_another_block(bench, capsys):
    assert bench["main"](["--data", "iris", "--block", "gradient", "--threads", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["iris", "ResNet"]
