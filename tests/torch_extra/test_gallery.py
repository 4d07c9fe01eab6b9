"""The example of the documentation runs, at reduced size."""

import runpy
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is missing: pip install 'mgres[torch]'")
pytest.importorskip("sklearn", reason="the digits come with scikit-learn")

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "gallery" / "plot_torch_convnet.py"


def test_the_convolutional_network(monkeypatch, capsys):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    monkeypatch.setenv("MGRES_EXAMPLE", "test")
    names = runpy.run_path(str(EXAMPLE))
    runs = names["runs"]
    assert len(runs) == 5
    for name, (result,) in runs.items():
        assert result.history[-1].loss < 0.2 * result.history[0].loss, name
    single, cascade = (
        names["reached"](runs[name][0])
        for name in runs
        if "L-BFGS" in name and not name.startswith("V")
    )
    assert cascade < single < float("inf")
    assert "recognised" in capsys.readouterr().out
