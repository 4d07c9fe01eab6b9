"""Models in files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import mgres
from mgres import blocks
from mgres.files import read_tensors, write_tensors

BLOCKS = (
    blocks.Dense(activation="gelu", norm="rms"),
    blocks.Antisymmetric(0.1, norm="layer", paced=True),
    blocks.TwoLayer(7, activation="silu", norm="layer"),
    blocks.Gradient(5, sign=1, paced=True),
    blocks.Hamiltonian(3, activation="elu"),
)
NETS = [
    mgres.ResNet(2, 3, 2, 4),
    mgres.ResNet(5, 4, 1, 1, 2.5, "tanh", np.float64),
    mgres.ResNet(2, 4, 3, 4, scheme="verlet"),
    mgres.ResNet(2, 4, 3, 4, 0.1, "smooth_relu", scheme="matched", substeps=7.5),
    mgres.ResNet(2, 4, 3, 4, scheme="rk4", weights="antisymmetric", damping=0.1),
    *(mgres.ResNet(2, 4, 3, 4, dtype=np.float64, block=block) for block in BLOCKS),
]


@pytest.mark.parametrize("net", NETS, ids=lambda net: f"{net.block.name}-{net.scheme}")
def test_model_comes_back(tmp_path, rng, net):
    theta = net.init(rng)
    mgres.save(tmp_path / "m", net, theta)
    model = mgres.load(str(tmp_path / "m"))
    assert model.net == net
    assert model.theta.dtype == net.dtype
    np.testing.assert_array_equal(model.theta, theta)
    X = rng.standard_normal((7, net.n_inputs)).astype(net.dtype)
    np.testing.assert_array_equal(model.net.logits(model.theta, X), net.logits(theta, X))
    assert (model.notes, model.extra) == ({}, {})


def test_model_is_found_in_another_process(tmp_path, run_python):
    net = NETS[0]
    mgres.save(tmp_path / "m", net, net.init(3))
    program = """
        import sys, mgres
        net, theta, *_ = mgres.load(sys.argv[1])
        print(repr(net), (theta == net.init(3)).all())
    """
    assert run_python(program, tmp_path / "m").stdout.strip() == f"{net!r} True"


def test_notes_and_further_arrays_come_back(tmp_path):
    net = NETS[0]
    extra = {"mean": np.arange(2.0), "Q": np.array([1])}
    mgres.save(tmp_path / "m", net, net.init(1), notes={"net": "ü", "kind": ""}, extra=extra)
    model = mgres.load(tmp_path / "m")
    assert model.notes == {"net": "ü", "kind": ""}
    assert model.extra.keys() == extra.keys()
    np.testing.assert_array_equal(model.extra["mean"], extra["mean"])
    assert model.net == net


def test_the_safetensors_package_sees_named_arrays(tmp_path):
    safetensors = pytest.importorskip("safetensors")
    net = NETS[1]
    theta = net.init(1)
    mgres.save(tmp_path / "m", net, theta)
    with safetensors.safe_open(tmp_path / "m", "numpy") as file:
        assert set(file.keys()) == {"Q", "W", "b", "W_out", "b_out"}
        for name, view in net.views(theta)._asdict().items():
            np.testing.assert_array_equal(file.get_tensor(name), view)
        settings = json.loads(file.metadata()["net"])
    assert settings["scheme"] == {"name": "euler", "substeps": 1.0}
    assert settings["block"] == {
        "name": "dense",
        "activation": "tanh",
        "norm": None,
        "paced": False,
    }
    assert settings["final_time"] == 2.5


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"net": None}, TypeError, "net: expected a ResNet"),
        ({"theta": [1.0]}, TypeError, "theta: expected a numpy array"),
        ({"theta": np.zeros(62)}, TypeError, "theta: expected dtype float32"),
        ({"theta": np.zeros(61, np.float32)}, ValueError, r"theta: expected shape \(62,\)"),
        ({"notes": {"a": 1}}, TypeError, "notes: expected strings"),
        ({"extra": {"a": [1]}}, TypeError, "extra: expected numpy arrays"),
        ({"extra": {"a": np.array("s")}}, TypeError, "a: expected real numbers"),
    ],
)
def test_wrong_arguments_write_nothing(tmp_path, arguments, error, message):
    net = NETS[0]
    given = {"net": net, "theta": net.init(1), **arguments}
    with pytest.raises(error, match=message):
        mgres.save(tmp_path / "m", **given)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def change(tmp_path):
    """Return a function that writes a model, changes it, checksum included, and returns its path.

    `arrays` and `metadata` replace what is there, None removes it; `net` changes its settings.
    """

    def changed(arrays=(), metadata=(), net=()):
        path = tmp_path / "m"
        mgres.save(path, NETS[0], NETS[0].init(1))
        tensors, facts = read_tensors(path)
        if net:
            facts["net"] = json.dumps({**json.loads(facts["net"]), **dict(net)})
        tensors |= dict(arrays)
        facts |= dict(metadata)
        write_tensors(
            path,
            {k: v for k, v in tensors.items() if v is not None},
            {k: v for k, v in facts.items() if v is not None},
        )
        return path

    return changed


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metadata": {"format": "pt"}}, "not of mgres"),
        ({"metadata": {"format": None}}, "not of mgres"),
        ({"metadata": {"kind": "checkpoint"}}, "expected a model of mgres, got a checkpoint"),
        ({"metadata": {"format_version": "4"}}, "written by a newer mgres: format version 4"),
        ({"metadata": {"format_version": "0"}}, "expected a format version"),
        ({"metadata": {"format_version": "²"}}, "expected a format version"),
        ({"metadata": {"format_version": "9" * 5000}}, "expected a format version"),
        ({"metadata": {"format_version": None}}, "expected a format version"),
        ({"metadata": {"net": None}}, "description of the network"),
        ({"metadata": {"net": "{"}}, "description of the network"),
        ({"metadata": {"net": "[" * 100_000}}, "description of the network"),
        ({"metadata": {"net": "[]"}}, "description of the network"),
        ({"metadata": {"net": "{}"}}, "description of the network"),
        ({"net": {"depth": 0}}, "depth"),
        ({"net": {"depth": "4"}}, "depth"),
        ({"net": {"depth": 10**13}}, "W: expected shape"),
        ({"net": {"depth": 10**40}}, "parameters"),
        ({"net": {"final_time": "1"}}, "description of the network"),
        ({"net": {"dtype": "object"}}, "dtype"),
        ({"net": {"dtype": "no"}}, "description of the network"),
        ({"net": {"dtype": "float64"}}, "Q: expected shape .* and dtype float64"),
        ({"net": {"scheme": {"name": "leapfrog"}}}, "scheme: expected one of"),
        ({"net": {"scheme": {"name": "rk4", "substeps": 2}}}, "substeps"),
        ({"net": {"scheme": "euler"}}, "description of the network"),
        ({"net": {"scheme": {}}}, "description of the network"),
        ({"net": {"block": {"name": "mixer"}}}, "block: expected one of"),
        ({"net": {"block": {"name": "sparse"}}}, "pattern"),
        ({"net": {"block": {"name": "sparse", "pattern": {"lower": -1}}}}, "lower: expected"),
        ({"net": {"block": {"name": "sparse", "pattern": {"indptr": None}}}}, "indices"),
        (
            {"net": {"block": {"name": "sparse", "pattern": {"indptr": [0, 9], "indices": [0]}}}},
            "pattern: expected rows from 0 to 1, got 0 to 9",
        ),
        ({"net": {"block": {"name": []}}}, "description of the network"),
        ({"net": {"block": {"name": "dense", "hidden": 3}}}, "hidden"),
        ({"net": {"block": {"name": "two_layer"}}}, "hidden"),
        ({"net": {"block": {"name": "two_layer", "hidden": 10**40}}}, "description of the network"),
        ({"net": {"block": {"name": "two_layer", "hidden": 5}}}, "expected the arrays"),
        ({"net": {"block": {}}}, "description of the network"),
        ({"net": {"block": 1}}, "description of the network"),
        ({"net": {"novelty": 1}}, "description of the network"),
        ({"arrays": {"Q": None}}, "expected the arrays"),
        ({"arrays": {"R": np.zeros(2)}}, "expected the arrays"),
        ({"arrays": {"b": np.zeros((4, 2), np.float32)}}, r"b: expected shape \(4, 3\)"),
    ],
)
def test_files_that_are_no_models_are_refused(change, changes, message):
    path = change(**changes)
    with pytest.raises(mgres.FormatError, match=message) as info:
        mgres.load(path)
    assert str(path) in str(info.value)


def test_unchanged_file_is_a_model(change):
    assert mgres.load(change()).net == NETS[0]


def test_stored_model_of_version_1_stays_readable():
    model = mgres.load(Path(__file__).parent / "version1.safetensors")
    net = mgres.ResNet(2, 2, 2, 3, 1.5, "tanh", scheme="matched", substeps=2)
    assert model.net == net
    np.testing.assert_array_equal(model.theta, np.arange(net.size, dtype=np.float32) / 8)
    assert model.notes == {"data": "circles"}


def test_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        mgres.load(tmp_path / "none")
