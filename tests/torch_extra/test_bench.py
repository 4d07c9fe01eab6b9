"""The comparison of the layer with PyTorch's operations runs, on a small scale."""

import runpy
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is missing: pip install 'mgres[torch]'")

BENCH = Path(__file__).resolve().parents[2] / "bench" / "torch_layer.py"


@pytest.fixture(scope="module")
def main():
    return runpy.run_path(str(BENCH), run_name="bench_torch_layer")["main"]


def test_a_table_of_all_cases(main, capsys):
    assert main(["--depth", "8", "--repeats", "5"]) == 0
    rows = capsys.readouterr().out.splitlines()[3:]
    assert len(rows) == 4
    assert rows[0].split()[4:7] == ["10", "8", "1000"]
    assert float(rows[0].split()[-1]) > 0


@pytest.mark.parametrize("wrong", [["--threads", "0"], ["--repeats", "4"], ["--depth", "0"]])
def test_bad_options(main, wrong, capsys):
    with pytest.raises(SystemExit) as error:
        main(wrong)
    assert error.value.code == 2
    assert f"argument {wrong[0]}: expected at least" in capsys.readouterr().err
