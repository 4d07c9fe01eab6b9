"""The fine phase on a small scale: its start, its goal, its rows, its command."""

import json

import numpy as np
import pytest

from mgres.experiments.fine_phase import METHODS, Single, TwoLevel, make_problem, make_start, run
from mgres.experiments.fine_phase.__main__ import main
from mgres.experiments.fine_phase.phase import coupling_ratio, make_objective, measure
from mgres.experiments.fine_phase.rows import phase_row
from mgres.mgopt import FirstOrder

SEED = 20
REPAIRED = METHODS["repaired V-cycle"]


@pytest.fixture(scope="module")
def problem():
    return make_problem(512, budget=40.0)


@pytest.fixture(scope="module")
def start(problem):
    return make_start(problem, SEED)


def test_start_is_what_the_coarse_networks_reached(problem, start):
    f = make_objective(problem, SEED)
    assert start.objective == f.value(start.theta)
    W = f.net.views(start.theta).W
    np.testing.assert_array_equal(W[0::8], W[7::8])  # 64 different layers
    assert not np.array_equal(W[0], W[8])
    assert len(start.pairs) == 30
    assert all(pair.s.shape == pair.y.shape == (f.size,) for pair in start.pairs)
    heads = problem.pinned(SEED, f.net)
    np.testing.assert_array_equal(f.net.views(start.theta).Q, heads["Q"])
    np.testing.assert_array_equal(f.net.views(start.theta).W_out, heads["W_out"])


def test_repaired_cycle_is_ahead_of_l_bfgs(problem, start):
    reference, theta = measure(problem, SEED, Single(100), start, None)
    goal = reference.best["loss"]
    assert goal < start.objective
    assert make_objective(problem, SEED).value(theta) == pytest.approx(goal, rel=1e-12)
    repaired, _ = measure(problem, SEED, REPAIRED, start, goal)
    assert repaired.best["loss"] < goal
    (first, *_) = (work for work, _ in filter(None, repaired.reached.values()))
    # a gradient, the states of the defect, 120 coarse gradients and some trials at 1/4, the trial
    assert 32.0 < first < 34.0


def test_first_step_knows_what_the_cascade_has_learnt(problem, start):
    """Without the pairs it would be one along the gradient, here too long."""
    few = make_problem(512, budget=3.0)
    _, theta = measure(few, SEED, Single(30), start, None)
    forgetful = make_start(problem, SEED)
    object.__setattr__(forgetful, "pairs", ())
    _, other = measure(few, SEED, Single(30), forgetful, None)
    f = make_objective(problem, SEED)
    assert f.value(theta) < f.value(other) <= start.objective


def test_couplings(problem, start):
    f = make_objective(problem, SEED)
    for scheme in ("euler", "matched"):
        plain = TwoLevel(scheme=scheme, coupling=FirstOrder(), trust=False)
        shifted = TwoLevel(scheme=scheme, trust=False)
        without, with_defect = (coupling_ratio(f, start.theta, 8, m) for m in (plain, shifted))
        assert with_defect < 0.2 < without


def test_rows(tmp_path, capsys):
    result = run(1, 512, tmp_path / "new", quick=True)
    assert json.loads((tmp_path / "new" / "result.json").read_text()) == result
    phases = [row for row in result["rows"] if row["kind"] == "phase"]
    couplings = [row for row in result["rows"] if row["kind"] == "coupling"]
    assert [row["method"] for row in phases][:2] == ["L-BFGS, 100 pairs", "repaired V-cycle"]
    assert {(r["point"], r["coarse"], r["factor"]) for r in couplings} == {
        (point, coarse, factor)
        for point in ("start", "trained")
        for coarse in ("euler", "matched")
        for factor in (2, 8, 32)
    }
    assert phases[0]["work_units"]["median"] <= 40.0  # the goal is its own
    assert phases[0]["objective"]["per_seed"] == [result["starts"][0]["goal"]]
    assert result["settings"]["seeds"] == [200]
    assert "repaired V-cycle" in capsys.readouterr().out


def test_missed_seeds_count_as_infinite():
    def outcome(work):
        return {"work_units": work, "seconds": work, "objective": 1.0}

    row = phase_row("L-BFGS, 30 pairs", [outcome(w) for w in (9.0, None, 7.0)])
    assert row["work_units"] == {
        "median": 9.0,
        "min": 7.0,
        "max": 9.0,
        "per_seed": [9.0, None, 7.0],
    }
    assert row["failures"] == 1
    row = phase_row("L-BFGS, 30 pairs", [outcome(w) for w in (None, None, 7.0)])
    assert row["work_units"]["median"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seeds", "0"], "seeds: expected an integer from 1, got 0"),
        (["--depth", "100"], "depth: expected a multiple of 64 above it, got 100"),
        (["--depth", "64"], "depth: expected a multiple of 64 above it, got 64"),
    ],
)
def test_bad_arguments(options, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        main([*options, "--out", str(tmp_path)])
    assert end.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_out_is_a_folder(tmp_path, capsys):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit):
        main(["--out", str(tmp_path / "file")])
    assert "file is not a folder" in capsys.readouterr().err
