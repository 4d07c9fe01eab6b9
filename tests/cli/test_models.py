"""`mgres evaluate` and `mgres predict`."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

import mgres
from mgres.datasets import read_table


@pytest.fixture
def trained(mgres_ok, flowers):
    mgres_ok("train flowers.csv --target kind --no-plots --max-cycles 60 --out o")


@pytest.fixture
def regressed(mgres_ok, slopes):
    mgres_ok("train slopes.csv --target height --no-plots --beta 0.001 --depth 32 --out r")


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def logits(tmp_path, flowers):
    """Return the logits of the model in the file, without the command's own code."""
    net, theta, _, extra = mgres.load(tmp_path / "o" / "model.safetensors")
    X = (read_table(flowers, "kind").X - extra["feature_mean"]) / extra["feature_scale"]
    return net.logits(theta, X.astype(net.dtype)).astype(float)


def test_predictions_are_the_labels_of_the_file(mgres_ok, trained, flowers, tmp_path):
    found = rows(mgres_ok("predict o flowers.csv"))
    expected = np.array(["aster", "lily", "rose"])[logits(tmp_path, flowers).argmax(axis=1)]
    assert [row["kind"] for row in found] == expected.tolist()
    true = [row["kind"] for row in rows(flowers.read_text())]
    assert np.mean(np.array(true) == expected) > 0.9


def test_probabilities(mgres_ok, trained, flowers, tmp_path):
    found = rows(mgres_ok("predict o flowers.csv --proba"))
    exponentials = np.exp(logits(tmp_path, flowers))
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    names = [f"probability of {kind}" for kind in ("aster", "lily", "rose")]
    shares = np.array([[float(row[name]) for name in names] for row in found])
    assert shares == pytest.approx(expected, rel=1e-4, abs=1e-9)
    best = [names[i].split()[-1] for i in shares.argmax(axis=1)]
    assert best == [row["kind"] for row in found]


def test_columns_are_found_by_name(run, mgres_ok, trained, flowers, tmp_path):
    """In any order, with others between them, and without the target."""
    expected = mgres_ok("predict o flowers.csv")
    table = rows(flowers.read_text())
    with (tmp_path / "other.csv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["height", "colour", "length", "width"])
        writer.writerows([r["height"], "red", r["length"], r["width"]] for r in table)
    code, out, err = run("predict", "o", "other.csv")
    assert (code, out) == (0, expected)
    assert err == "columns that the model does not use: colour\n"
    (tmp_path / "more.csv").write_text(
        "\n".join(f"{line},{i}" for i, line in enumerate(flowers.read_text().splitlines()))
    )
    code, out, err = run("evaluate", "o", "more.csv", "--json")
    assert (code, out) == (0, mgres_ok("evaluate o flowers.csv --json"))
    assert err == "columns that the model does not use: 0\n"


def test_missing_columns_are_named(run, trained, tmp_path):
    (tmp_path / "less.csv").write_text("length,colour\n1,red\n")
    for command in ("predict", "evaluate"):
        code, out, err = run(command, "o", "less.csv")
        assert (code, out) == (2, "")
        assert err == (
            "mgres: error: less.csv: the model needs columns 'width', 'height'; its columns are "
            "length, colour\n"
        )


def test_predictions_to_a_file(run, mgres_ok, trained, flowers, tmp_path):
    expected = mgres_ok("predict o flowers.csv")
    assert mgres_ok("predict o flowers.csv --out p.csv") == "60 predictions written to p.csv\n"
    assert (tmp_path / "p.csv").read_text() == expected
    assert run("predict", "o", "flowers.csv", "--out", "o")[2].endswith("file, got a folder\n")
    assert "there is no folder no" in run("predict", "o", "flowers.csv", "--out", "no/p.csv")[2]


def test_model_file_and_folder_are_the_same(mgres_ok, trained):
    assert mgres_ok("predict o flowers.csv") == mgres_ok("predict o/model.safetensors flowers.csv")


def test_evaluation(mgres_ok, trained, flowers, tmp_path):
    text = flowers.read_text()
    flowers.write_text(text.replace("lily", "rose", 3))  # so that the matrix is not symmetric
    found = json.loads(mgres_ok("evaluate o flowers.csv --json"))
    z = logits(tmp_path, flowers)
    codes = read_table(flowers, "kind").target.values
    assert found["rows"] == 60
    assert found["accuracy"] == pytest.approx(np.mean(z.argmax(axis=1) == codes))
    log_sum = np.log(np.exp(z).sum(axis=1))
    assert found["loss"] == pytest.approx(np.mean(log_sum - z[np.arange(60), codes]), rel=1e-4)
    matrix = np.zeros((3, 3), int)
    for true, predicted in zip(codes, z.argmax(axis=1), strict=True):
        matrix[true, predicted] += 1
    assert found["confusion"] == matrix.tolist() != matrix.T.tolist()
    assert found["classes"] == ["aster", "lily", "rose"]

    lines = mgres_ok("evaluate o flowers.csv").splitlines()
    assert lines[0].split() == ["rows", "60"]
    assert lines[-4].split() == ["aster", "lily", "rose"]
    assert [line.split()[0] for line in lines[-3:]] == ["aster", "lily", "rose"]
    assert [[int(n) for n in line.split()[1:]] for line in lines[-3:]] == matrix.tolist()


def test_target_of_another_name(mgres_ok, trained, flowers, tmp_path):
    text = flowers.read_text()
    (tmp_path / "renamed.csv").write_text(text.replace("kind", "species"))
    ours = mgres_ok("evaluate o renamed.csv --target species --json")
    assert ours == mgres_ok("evaluate o flowers.csv --json")


def test_label_that_the_model_does_not_know(run, trained, flowers):
    flowers.write_text(flowers.read_text() + "1,2,3,tulip\n")
    code, _, err = run("evaluate", "o", "flowers.csv")
    assert code == 2
    assert "row 61: 'tulip' is none of the model's classes aster, lily, rose" in err


def test_evaluation_without_the_target(run, trained, tmp_path):
    (tmp_path / "x.csv").write_text("length,width,height\n1,2,3\n")
    code, _, err = run("evaluate", "o", "x.csv")
    assert code == 2
    assert "there is no column 'kind'; its columns are length, width, height" in err


def test_regression_in_the_unit_of_the_target(mgres_ok, regressed, slopes):
    found = np.array([float(row["height"]) for row in rows(mgres_ok("predict r slopes.csv"))])
    true = read_table(slopes, "height").target.values
    scores = json.loads(mgres_ok("evaluate r slopes.csv --json"))
    assert scores["mse"] == pytest.approx(np.mean((found - true) ** 2))
    assert scores["r2"] == pytest.approx(1 - scores["mse"] / np.var(true))
    assert scores["r2"] > 0.95
    assert "confusion" not in mgres_ok("evaluate r slopes.csv")


def test_probabilities_of_a_quantity(run, mgres_ok, slopes):
    mgres_ok("train slopes.csv --target height --no-plots --max-cycles 1 --out r")
    code, _, err = run("predict", "r", "slopes.csv", "--proba")
    assert code == 2
    assert err == "mgres: error: --proba: is for classes, and this model predicts a quantity\n"


@pytest.mark.parametrize(
    ("labels", "written"),
    [
        ([0, 1, 2], ["0", "1", "2"]),
        ([7, -1, 100], ["7", "-1", "100"]),
        (["007", "08", "7"], ["007", "08", "7"]),
        (["1.0", "2.0", "10.0"], ["1", "2", "10"]),
    ],
)
def test_labels_come_out_as_they_went_in(mgres_ok, tmp_path, labels, written):
    lines = ["x,label", *(f"{i % 3},{labels[i % 3]}" for i in range(30))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    mgres_ok("train t.csv --target label --beta 0.001 --depth 32 --no-plots --out o")
    found = [row["label"] for row in rows(mgres_ok("predict o t.csv"))]
    assert found == written * 10


def test_archives_of_arrays(run, mgres_ok, tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    X[:, 2] = 0.5  # as blank pixels are: no mistake where columns have no names
    np.savez(tmp_path / "t.npz", X=X, y=np.array(["no", "yes"])[(X[:, 0] > 0).astype(int)])
    mgres_ok("train t.npz --no-plots --out o")
    assert json.loads(mgres_ok("evaluate o t.npz --json"))["accuracy"] > 0.8
    np.savez(tmp_path / "new.npz", X=X[:4])
    assert set(mgres_ok("predict o new.npz").split()[1:]) <= {"no", "yes"}
    np.savez(tmp_path / "wide.npz", X=np.ones((2, 4)))
    code, _, err = run("predict", "o", "wide.npz")
    assert (code, "needs the 3 features x0, x1, x2; got 4: x0," in err) == (2, True)
    np.savez(tmp_path / "narrow.npz", X=np.ones((2, 2)))
    assert "needs the 3 features x0, x1, x2; got 2" in run("predict", "o", "narrow.npz")[2]
    assert "its labels are needed: --target" in run("evaluate", "o", "new.npz")[2]


def test_table_for_a_model_of_arrays_and_the_other_way_round(run, mgres_ok, trained, tmp_path):
    np.savez(tmp_path / "t.npz", X=np.ones((4, 3)) * np.arange(4)[:, None], y=[0, 1, 0, 1])
    code, _, err = run("predict", "o", "t.npz")
    assert code == 2
    assert "the model needs the 3 features length, width, height; got 3: x0, x1, x2" in err
    mgres_ok("train t.npz --no-plots --max-cycles 2 --out n")
    assert "needs the 3 features x0, x1, x2; got 4" in run("predict", "n", "flowers.csv")[2]


def test_damaged_notes(run, trained, tmp_path):
    net, theta, notes, extra = mgres.load(tmp_path / "o" / "model.safetensors")
    for bad, message in (
        ("{", "what it says of columns is damaged"),
        (notes["preparation"].replace('"length", ', ""), "does not fit its network"),
    ):
        path = tmp_path / "bad.safetensors"
        mgres.save(path, net, theta, notes={**notes, "preparation": bad}, extra=extra)
        code, _, err = run("predict", "bad.safetensors", "flowers.csv")
        assert code == 2
        assert message in err


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [("", "the cell is empty; fill it in"), ("red", "expected a finite number, got 'red'")],
)
def test_bad_cells_are_not_to_be_ignored_as_in_training(run, trained, flowers, cell, complaint):
    header, first, *rest = flowers.read_text().splitlines()
    first = ",".join([cell, *first.split(",")[1:]])
    flowers.write_text("\n".join([header, first, *rest]) + "\n")
    code, out, err = run("predict", "o", "flowers.csv")
    name = header.split(",")[0]
    assert (code, out) == (2, "")
    assert err == f"mgres: error: flowers.csv: column {name!r}, row 1: {complaint}\n"
