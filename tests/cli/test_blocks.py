"""`mgres train` with every block."""

from __future__ import annotations

import json

import pytest

import mgres
from mgres import blocks
from mgres.recipes import defaults


@pytest.mark.parametrize(
    ("options", "block"),
    [
        ("", blocks.Dense()),
        ("--block dense --norm rms --paced", blocks.Dense(norm="rms", paced=True)),
        ("--block antisymmetric --activation tanh", blocks.Antisymmetric(activation="tanh")),
        (
            "--block two_layer --hidden 12 --norm layer --activation silu",
            blocks.TwoLayer(12, norm="layer", activation="silu"),
        ),
        ("--block two_layer", blocks.TwoLayer(16)),
        ("--block gradient", blocks.Gradient(8)),
        ("--block hamiltonian", blocks.Hamiltonian()),
        ("--block hamiltonian --hidden 5", blocks.Hamiltonian(5)),
    ],
)
def test_a_run_with_a_block(mgres_ok, flowers, tmp_path, options, block):
    short = "--depth 16 --width 8 --max-cycles 3 --no-plots --out o"
    mgres_ok(f"train flowers.csv --target kind {short} {options}")
    assert mgres.load(tmp_path / "o" / "model.safetensors").net.block == block
    settings = json.loads((tmp_path / "o" / "summary.json").read_text())["settings"]
    assert settings["block"] == block.name
    assert settings.get("hidden") == getattr(block, "hidden", None)
    rows = settings["beta"] / 15 / defaults.spread(block)
    assert 1 / rows == pytest.approx(round(1 / rows), rel=1e-9)
    mgres_ok("evaluate o flowers.csv")
    mgres_ok("train --resume o --max-cycles 5")
    mgres_ok("train --config o/config.toml --max-cycles 3 --out again")
    assert mgres.load(tmp_path / "again" / "model.safetensors").net.block == block


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--block sparse", "expected one of"),
        (
            "--block conv2d",
            "expected one of dense, antisymmetric, two_layer, gradient, hamiltonian",
        ),
        ("--hidden 5", "hidden: the block dense has no such option"),
        ("--block hamiltonian --norm layer", "norm: the block hamiltonian has no such option"),
        ("--block hamiltonian --paced", "paced: the block hamiltonian has no such option"),
        ("--block hamiltonian --width 7", "width: expected an even number"),
        ("--block two_layer --hidden 0", "hidden"),
        ("--norm batch", "expected one of layer, rms"),
    ],
)
def test_options_that_do_not_fit(run, flowers, tmp_path, options, message):
    code, _, err = run(*f"train flowers.csv --target kind --out o {options}".split())
    assert code != 0
    assert message in err
    assert not (tmp_path / "o").exists()
