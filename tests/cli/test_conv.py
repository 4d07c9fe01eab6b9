"""Convolutional networks of several stages at the command line."""

import json

import numpy as np
import pytest

import mgres
from mgres.cli import main

TRAIN = ["train", "digits", "--block", "conv", "--stages", "4,8", "--depth", "16", "--quiet"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("conv") / "run"
    assert main([*TRAIN, "--max-work-units", "8", "--out", str(out)]) == 0
    return out


def test_the_model_is_the_network_of_stages(folder):
    model = mgres.load(folder / "model.safetensors")
    expected = mgres.stages.convolutional((1, 8, 8), 10, depth=16, channels=(4, 8))
    assert model.net == expected
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["parameters"] == model.net.size
    assert summary["scores"]["validation"]["accuracy"] > 0.9
    assert (folder / "layers.png").exists()


def test_it_is_evaluated(folder, capsys):
    assert main(["evaluate", str(folder), "digits"]) == 0
    assert "accuracy" in capsys.readouterr().out


def test_a_run_goes_on_to_the_same_bits(folder, tmp_path):
    whole, part = tmp_path / "whole", tmp_path / "part"
    limited = [*TRAIN, "--batch-size", "100", "--max-cycles"]
    assert main([*limited, "6", "--out", str(whole)]) == 0
    assert main([*limited, "3", "--out", str(part)]) == 0
    assert main(["train", "--resume", str(part), "--max-cycles", "6", "--quiet"]) == 0
    one, other = (mgres.load(out / "model.safetensors").theta for out in (whole, part))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["circles", "--block", "conv"], "--block conv: is for images, and circles has features"),
        (["digits", "--block", "conv", "--width", "3"], "--width: not with --block conv"),
        (["digits", "--block", "conv", "--paced"], "--paced: not with --block conv"),
        (["digits", "--stages", "3,4"], "--stages: is for --block conv"),
        (["digits", "--block", "conv", "--stages", "3,x"], "--stages: expected"),
    ],
)
def test_what_does_not_fit_is_named(options, message, tmp_path, capsys):
    with pytest.raises(SystemExit):
        raise SystemExit(main(["train", *options, "--out", str(tmp_path / "run")]))
    assert message in capsys.readouterr().err
