"""Configuration files: what they may say, and that a run can be done again from its own."""

from __future__ import annotations

import json

import pytest

from mgres.runs import OPTIONS, RunFolder, Settings, read_config
from mgres.runs.options import FURTHER

LINE = "train flowers.csv --target kind --depth 32 --width 6 --max-cycles 12 --no-plots"


def history(folder):
    records = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [{k: v for k, v in record.items() if k != "seconds"} for record in records]


@pytest.mark.parametrize(
    "options",
    [
        "",
        "--batch-size 8 --seed 3",
        "--method V --levels 3 --optimizer gd --learning-rate 0.2",
        "--schedule '[(1), 2/1, {3}]' --regularizer tikhonov --beta 1e-05",
        "--validation-fraction 0.4 --dtype float64 --ignore height length",
    ],
)
def test_run_can_be_done_again_bit_for_bit(mgres_ok, flowers, tmp_path, monkeypatch, options):
    mgres_ok(f"{LINE} {options} --out first")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")  # the file names its data absolutely
    mgres_ok("train --config ../first/config.toml --out ../second")
    first, second = tmp_path / "first", tmp_path / "second"
    assert (first / "model.safetensors").read_bytes() == (second / "model.safetensors").read_bytes()
    assert (first / "config.toml").read_bytes() == (second / "config.toml").read_bytes()
    assert history(first) == history(second)


def test_seed_and_options_make_another_run(mgres_ok, flowers, tmp_path):
    """So that the test above compares something."""
    mgres_ok(f"{LINE} --out first")
    mgres_ok("train --config first/config.toml --seed 1 --out second")
    models = [(tmp_path / f / "model.safetensors").read_bytes() for f in ("first", "second")]
    assert models[0] != models[1]


def test_sets_that_mgres_knows_are_done_again_too(mgres_ok, tmp_path):
    mgres_ok("train circles --depth 64 --seed 4 --max-cycles 9 --no-plots --out first")
    mgres_ok("train --config first/config.toml --out second")
    models = [(tmp_path / f / "model.safetensors").read_bytes() for f in ("first", "second")]
    assert models[0] == models[1]


def test_labels_of_idx_files_are_found_from_elsewhere(mgres_ok, tmp_path, monkeypatch):
    pixels = bytes(range(40)) * 2
    (tmp_path / "a.idx").write_bytes(b"\0\0\x08\x03\0\0\0\x14\0\0\0\2\0\0\0\2" + pixels)
    (tmp_path / "b.idx").write_bytes(b"\0\0\x08\x01\0\0\0\x14" + bytes([0, 1] * 10))
    mgres_ok("train a.idx --target b.idx --max-cycles 3 --no-plots --out first")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    mgres_ok("train --config ../first/config.toml --out ../second")


def test_command_wins_over_file(mgres_ok, flowers, tmp_path):
    (tmp_path / "run.toml").write_text(
        'data = "flowers.csv"\ntarget = "kind"\ndepth = 16\ncycle = "v"\nlevels = 2\n'
        'max_cycles = 3\nout = "o"\nno_plots = true\nquiet = false\nfinal_time = 2\n'
    )
    mgres_ok("train --config run.toml --depth 8")
    settings = json.loads((tmp_path / "o" / "summary.json").read_text())["settings"]
    mgres_ok("train --config run.toml --out p")
    again = json.loads((tmp_path / "p" / "summary.json").read_text())["settings"]
    assert again == {**settings, "depth": 16}
    assert settings["depth"] == 8
    assert (settings["method"], settings["levels"], settings["final_time"]) == ("V", 2, 2.0)


def test_everything_that_is_set_is_written_and_read_again(tmp_path):
    settings = Settings(
        data='a "quoted"\ttab\x7f, ü.csv',
        task="regression",
        depth=4,
        width=3,
        activation="tanh",
        final_time=1e-300,
        dtype="float64",
        init="he",
        method="V",
        loss="squared_error",
        regularizer="none",
        beta=0.1 + 0.2,
        max_cycles=0,
        seed=2**40,
        checkpoint_minutes=0.5,
        ignore=("a", 'b"', "c\\"),
        delimiter="\t",
        quiet=True,
    )
    folder = RunFolder(tmp_path)
    folder.write_config(settings, "0")
    found = folder.read_config()
    assert Settings(**{**found, "ignore": tuple(found["ignore"])}) == settings


def test_every_option_of_a_run_is_a_setting_and_the_other_way_round():
    # `out` is where a run is, and not what it is
    names = {option.name for option in OPTIONS} | (set(FURTHER) - {"out"})
    assert names == set(Settings.__dataclass_fields__)


def test_file_with_a_mark_of_byte_order(tmp_path):
    (tmp_path / "run.toml").write_bytes("﻿seed = 3".encode())
    assert read_config(tmp_path / "run.toml") == {"seed": 3}
