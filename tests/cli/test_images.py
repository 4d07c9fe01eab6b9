"""Images of one's own on the command line, as a newcomer has them: a folder of pictures."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys

import numpy as np
import pytest

import mgres
from mgres.datasets import read_images
from mgres.runs.data import load_data
from mgres.runs.problem import prepare
from mgres.runs.resolve import resolve

Image = pytest.importorskip("PIL.Image", reason="NOT TESTED: pictures (pip install pillow)")

SHORT = "--beta 0.001 --max-cycles 30 --no-plots --depth 8"


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def summary(path):
    return json.loads((path / "summary.json").read_text())


def test_a_newcomer_with_a_folder_of_pictures(command, animals, tmp_path):
    """Train, evaluate and predict, each a process of its own as in a terminal."""
    (animals / "cat" / ".DS_Store").write_bytes(b"")
    (animals / "notes.txt").write_text("drawn by hand")
    trained = command(f"train animals {SHORT} --out runs/animals")
    assert (trained.returncode, trained.stderr) == (0, "")
    assert trained.stdout.splitlines()[:2] == [
        "60 images, 12 x 10 pixels, grey; 2 classes: cat, dog",
        "passed over: 1 files are no pictures by their names, the first is animals/notes.txt",
    ]
    assert "validation: 12 rows" in trained.stdout
    evaluated = command("evaluate runs/animals animals --json")
    assert evaluated.returncode == 0
    scores = json.loads(evaluated.stdout)
    assert scores["classes"] == ["cat", "dog"]
    assert (scores["rows"], scores["accuracy"] > 0.9) == (60, True)
    predicted = command("predict runs/animals animals/cat/3.png animals/dog")
    assert (predicted.returncode, predicted.stderr) == (0, "")
    table = rows(predicted.stdout)
    assert len(table) == 31
    assert [*table[0]] == ["file", "class", "probability"]
    assert table[0]["file"] == "animals/cat/3.png"
    assert all(0.5 <= float(row["probability"]) <= 1 for row in table)
    right = [row["class"] == row["file"].split("/")[1] for row in table]
    assert np.mean(right) > 0.9


def test_probabilities_are_the_models(mgres_ok, animals, tmp_path):
    mgres_ok(f"train animals {SHORT} --out o")
    net, theta, notes, extra = mgres.load(tmp_path / "o" / "model.safetensors")
    said = json.loads(notes["preparation"])
    assert (said["shape"], said["classes"]) == ([1, 12, 10], ["cat", "dog"])
    images = read_images(animals)
    X = ((images.X - extra["feature_mean"]) / extra["feature_scale"]).astype(np.float32)
    logits = net.logits(theta, X).astype(np.float64)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    table = rows(mgres_ok("predict o animals --proba"))
    found = [[float(row[f"probability of {name}"]) for name in ("cat", "dog")] for row in table]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert [float(row["probability"]) for row in table] == [max(pair) for pair in found]
    assert [row["file"] for row in table] == [
        str(path.relative_to(tmp_path)) for path in images.files
    ]


def test_all_pixels_have_one_scaling(animals):
    data = load_data({"data": str(animals)})
    assert data.shape == data.scaling.shape == (1, 12, 10)
    inputs = data.scaling.inputs(data.X, np.float64)
    assert len(set(data.scaling.mean)) == len(set(data.scaling.scale)) == 1
    assert abs(inputs.mean()) < 1e-9
    assert inputs.std() == pytest.approx(1)
    np.testing.assert_allclose(
        data.background, data.scaling.inputs(np.zeros((1, 120)), np.float64)[0]
    )


def test_each_colour_has_a_scaling_of_its_own(tmp_path):
    rng = np.random.default_rng(0)
    for name in "ab":
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(6):
            pixels = rng.integers(0, [40, 120, 250], (4, 5, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / name / f"{i}.png")
    data = load_data({"data": str(tmp_path / "set")})
    inputs = data.scaling.inputs(data.X, np.float64).reshape(-1, 3, 20)
    np.testing.assert_allclose(inputs.mean(axis=(0, 2)), 0, atol=1e-9)
    np.testing.assert_allclose(inputs.std(axis=(0, 2)), 1)


def test_parts_of_a_folder(run, mgres_ok, animals, tmp_path):
    for part, numbers in (("train", range(20)), ("val", range(20, 25)), ("test", range(25, 30))):
        for name in ("cat", "dog"):
            (tmp_path / "set" / part / name).mkdir(parents=True)
            for i in numbers:
                shutil.copy(animals / name / f"{i}.png", tmp_path / "set" / part / name)
    out = mgres_ok(f"train set {SHORT} --out o")
    assert "set/test: is left for `mgres evaluate`; the validation is on set/val" in out
    found = summary(tmp_path / "o")
    assert found["rows"] == {"training": 40, "validation": 10}
    assert (found["shape"], found["features"]) == ([1, 12, 10], [])
    code, out, err = run("evaluate", "o", "set", "--json")
    assert (code, err, json.loads(out)["rows"]) == (0, "read from set/test\n", 10)
    assert json.loads(mgres_ok("evaluate o set/train --json"))["rows"] == 40
    # the same again from its configuration, although nothing is held out
    mgres_ok("train --config o/config.toml --out p")
    assert (
        "--validation-fraction: set has images for the validation"
        in run(*f"train set {SHORT} --validation-fraction 0.5 --out q".split())[2]
    )


def test_channels_and_size(mgres_ok, run, animals, tmp_path):
    with Image.open(animals / "cat" / "0.png") as image:
        image.convert("RGB").resize((31, 47)).save(animals / "cat" / "0.jpg")
    code, _, err = run(*f"train animals {SHORT} --out o".split())
    assert code == 2
    assert err.startswith(
        "mgres: error: animals/cat/0.png: expected 47 x 31 pixels, as animals/cat/0.jpg has, got "
    )
    out = mgres_ok(f"train animals {SHORT} --channels 3 --size 8x6 --out o")
    assert out.startswith("61 images, 8 x 6 pixels, RGB; 2 classes: cat, dog\n")
    settings = summary(tmp_path / "o")["settings"]
    assert (settings["channels"], settings["size"]) == (3, [8, 6])
    # the model resizes, too
    assert len(rows(mgres_ok("predict o animals/cat/0.jpg animals/cat/0.png"))) == 2
    mgres_ok("train --config o/config.toml --max-cycles 30 --out p")
    assert summary(tmp_path / "p")["objective"] == summary(tmp_path / "o")["objective"]


def test_archives_as_keras_has_them(mgres_ok, animals, tmp_path):
    images = read_images(animals)
    pixels = np.round(images.X * 255).astype(np.uint8).reshape(60, 12, 10)
    order = np.random.default_rng(0).permutation(60)
    pixels, y = pixels[order], images.y[order]
    np.savez("t.npz", x_train=pixels[:40], y_train=y[:40], x_test=pixels[40:], y_test=y[40:])
    out = mgres_ok(f"train t.npz {SHORT} --out o")
    assert out.startswith("60 images, 12 x 10 pixels, grey; 2 classes: 0, 1\n")
    assert summary(tmp_path / "o")["rows"] == {"training": 40, "validation": 20}
    scores = json.loads(mgres_ok("evaluate o t.npz --json"))
    assert scores["rows"] == 20
    assert scores["accuracy"] == summary(tmp_path / "o")["scores"]["validation"]["accuracy"]
    assert len(rows(mgres_ok("predict o t.npz"))) == 20
    # pictures can be predicted by it, and arrays by a model of pictures
    assert {row["class"] for row in rows(mgres_ok("predict o animals"))} <= {"0", "1"}
    mgres_ok(f"train animals {SHORT} --out p")
    assert {row["class"] for row in rows(mgres_ok("predict p t.npz"))} == {"cat", "dog"}


def test_idx_files_with_many_classes(mgres_ok, tmp_path):
    pixels = bytes(range(250)) * 2
    (tmp_path / "a.idx").write_bytes(b"\0\0\x08\x03\0\0\0\x7d\0\0\0\2\0\0\0\2" + pixels)
    (tmp_path / "b.idx").write_bytes(b"\0\0\x08\x01\0\0\0\x7d" + bytes(range(25)) * 5)
    out = mgres_ok(f"train a.idx --target b.idx {SHORT} --out o")
    assert out.startswith("125 images, 2 x 2 pixels, grey; 25 classes: 0, 1, 2, 3,")
    mgres_ok("evaluate o a.idx --target b.idx")
    assert len(mgres_ok("predict o a.idx").splitlines()) == 126


def test_pixels_as_features_of_a_regression(mgres_ok, run, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, 80, np.uint8).tobytes()
    (tmp_path / "a.idx").write_bytes(b"\0\0\x08\x03\0\0\0\x14\0\0\0\2\0\0\0\2" + pixels)
    (tmp_path / "b.idx").write_bytes(b"\0\0\x08\x01\0\0\0\x14" + bytes(range(20)))
    mgres_ok(f"train a.idx --target b.idx --task regression {SHORT} --out o")
    mgres_ok("evaluate o a.idx --target b.idx")
    assert len(mgres_ok("predict o a.idx").splitlines()) == 21


# ---- augmentation --------------------------------------------------------------------------------


def test_augmentation(mgres_ok, animals, tmp_path):
    out = mgres_ok(f"train animals {SHORT} --augment shift=2,flip --out o")
    assert "validation: 12 rows" in out
    settings = summary(tmp_path / "o")["settings"]
    assert (settings["augment"], settings["batch_size"]) == ("shift=2,flip", 48)
    mgres_ok(f"train animals {SHORT} --batch-size 48 --out p")
    assert summary(tmp_path / "o")["objective"] != summary(tmp_path / "p")["objective"]
    mgres_ok("train --config o/config.toml --out q")
    models = [(tmp_path / f / "model.safetensors").read_bytes() for f in ("o", "q")]
    assert models[0] == models[1]


def test_an_augmented_run_goes_on_to_the_same_bits(mgres_ok, animals, tmp_path):
    line = f"train animals {SHORT} --augment flip,shift=1 --batch-size 16 --checkpoint-cycles 1"
    mgres_ok(f"{line} --out whole")
    mgres_ok(f"{line} --max-cycles 7 --out o")
    mgres_ok("train --resume o --max-cycles 30")
    models = [(tmp_path / f / "model.safetensors").read_bytes() for f in ("whole", "o")]
    assert models[0] == models[1]


def test_what_comes_in_is_black(animals):
    given = {"data": str(animals), "augment": "shift=3", "batch_size": 10}
    data = load_data(given)
    batches = prepare(resolve(given, data), data).batches
    inputs = data.scaling.inputs(data.X[:1], np.float32)
    seen = [batches.apply(inputs, np.random.default_rng(i)) for i in range(40)]
    back = [one * data.scaling.scale + data.scaling.mean for one in seen]
    edges = np.array(back).reshape(40, 12, 10)[:, [0, -1]]
    assert np.isclose(edges, 0, atol=1e-6).all(axis=2).any()
    assert min(one.min() for one in back) > -1e-6


def test_sets_that_mgres_knows_are_images_too():
    pytest.importorskip("sklearn", reason="NOT TESTED: digits (pip install scikit-learn)")
    data = load_data({"data": "digits"})
    assert data.shape == (1, 8, 8)
    X = data.X - data.background
    assert np.isclose(X.min(), 0)
    assert np.isclose(X.max(), 1)


def test_a_folder_called_as_a_set_that_mgres_knows(mgres_ok, animals):
    animals.rename(animals.parent / "circles")
    out = mgres_ok("train circles --depth 8 --max-cycles 2 --no-plots --out o")
    assert out.startswith("circles is a set that mgres knows; what lies here is ./circles\n")
    assert mgres_ok(f"train ./circles {SHORT} --out p").startswith("60 images, 12 x 10 pixels")


# ---- mistakes ------------------------------------------------------------------------------------

T = f"train animals {SHORT} --out o"
CASES = [
    (f"{T} --target kind", "--target: the folders in animals name the classes"),
    (f"{T} --ignore kind", "--ignore: is for tables, and animals holds images"),
    (f"{T} --delimiter ;", "--delimiter: is for tables, and animals holds images"),
    (f"{T} --task regression", "--task regression: the folders in animals are classes"),
    (f"{T} --channels 2", "expected 1 (grey) or 3 (RGB), got '2'"),
    (f"{T} --size 3x", "expected pixels such as 28, or 28x32 for rows x columns, got '3x'"),
    (f"{T} --size 0", "expected pixels such as 28"),
    (f"{T} --size 3x4x5", "expected pixels such as 28"),
    (f"{T} --augment rotate", "expected shift=PIXELS, flip or both, as in shift=2,flip, got"),
    (f"{T} --augment shift", "expected shift=PIXELS, flip or both"),
    (f"{T} --augment shift=0", "expected shift=PIXELS, flip or both"),
    (f"{T} --augment shift=10", "--augment shift=10: shift: expected less than the 10 columns"),
    (
        "train flowers.csv --target kind --augment flip --out o",
        "--augment: is for images, and flowers.csv holds none",
    ),
    ("train circles --augment flip --out o", "--augment: is for images, and circles holds none"),
    ("train circles --size 3 --out o", "--size: is for images of your own, and circles holds none"),
    (
        "train flowers.csv --target kind --channels 1 --out o",
        "--channels: is for images of your own, and flowers.csv holds none",
    ),
    ("train animals/cat --out o", "for each class, got 30 pictures"),
    ("train empty --out o", "empty: expected a sub-folder with pictures for each class, got none"),
    ("predict m empty", "empty: expected pictures, got 0 other files"),
    ("predict m missing.png", "missing.png: there is no such file or folder"),
    ("predict m animals/cat/0.png flowers.csv", "flowers.csv: expected a picture, whole and of"),
    ("predict m flowers.csv animals", "animals: several files are predicted if they are pictures"),
    ("predict m small.png", "small.png: expected 12 x 10 pixels, as those of the model have"),
    ("predict m broken.png", "broken.png: expected a picture, whole and of the formats PNG, JPEG"),
    ("predict m flowers.csv", "the model needs the 120 features x0, x1, x2, x3, x4, ..."),
    ("predict m small.npz", "small.npz: X: expected images of 12 x 10 pixels, got 3 x 3"),
    ("predict m named.npz", "named.npz: expected an array 'X' of inputs, got x_test, x_val"),
    ("evaluate m animals/cat/0.png", "expected a folder with a sub-folder for each class, got a"),
    ("evaluate m animals --target kind", "--target: the folders in animals name the classes"),
    ("evaluate m others", "cow: there is no class 'cow' in the model; its classes are cat, dog"),
    ("evaluate m small.npz", "small.npz: there is no array 'y' of labels; its arrays are X"),
    ("predict t animals", "animals: the model was not trained on images of one's own"),
    ("evaluate t animals", "animals: the model was not trained on images of one's own"),
]


@pytest.fixture
def bad(mgres_ok, animals, flowers, tmp_path):
    """Two models, of animals and of a table, and files that do not fit."""
    mgres_ok(f"train animals {SHORT.replace('30', '1')} --out m")
    mgres_ok(f"train flowers.csv --target kind {SHORT.replace('30', '1')} --out t")
    (tmp_path / "empty").mkdir()
    (tmp_path / "others" / "cow").mkdir(parents=True)
    pixels = np.zeros((3, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "small.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "small.png").read_bytes()[:40])
    np.savez(tmp_path / "small.npz", X=pixels[None])
    np.savez(tmp_path / "named.npz", x_test=np.zeros((2, 6)), x_val=pixels[None])


@pytest.mark.usefixtures("bad")
def test_every_mistake_is_told_in_one_line(run):
    """All in one test, so that the two models are trained once."""
    for line, message in CASES:
        code, out, err = run(*line.split())
        assert (code, out, err.count("\n")) == (2, "", 1), (line, out, err)
        assert message in err, (line, err)


def test_without_pillow_the_way_to_get_it_is_told(run, animals, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    code, _, err = run(*T.split())
    assert code == 2
    assert 'reading pictures needs Pillow: pip install "mgres[images]"' in err
