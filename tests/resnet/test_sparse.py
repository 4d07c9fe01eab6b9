"""Sparse blocks as values, in files, in hierarchies, and against the matrix written in full."""

import copy
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import mgres
from mgres import blocks
from mgres.testing import check_gradient

rng = np.random.default_rng(0)
MASK = rng.random((20, 20)) < 0.15
MASK[3] = MASK[:, 5] = False
BLOCKS = {
    "pattern": blocks.Sparse(MASK, activation="tanh"),
    "band": blocks.Sparse(blocks.Banded(2, 1), activation="silu", norm="layer"),
    "diagonal": blocks.Sparse(blocks.Banded(0), activation="tanh", paced=True),
    "relu": blocks.Sparse(MASK | np.eye(20, dtype=bool)),
}
EVERY_BLOCK = pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)


def network(block, depth=8, dtype=np.float64, width=20):
    return mgres.ResNet(3, width, 2, depth, dtype=dtype, block=block)


def objective(net, n=30):
    X = np.random.default_rng(0).standard_normal((n, net.n_inputs)).astype(net.dtype)
    return mgres.ResNetObjective(net, X, np.arange(n) % 2)


def as_dense(net, theta):
    """Return a network of dense blocks with the same matrices, and its parameters."""
    options = {name: getattr(net.block, name) for name in ("activation", "norm", "paced")}
    dense = replace(net, block=blocks.Dense(**options))
    full = np.zeros(dense.size, dense.dtype)
    ours, theirs = net.views(theta)._asdict(), dense.views(full)._asdict()
    for name, view in theirs.items():
        if name == "W":
            rows, columns = net.block.pattern.places(net.width)
            view[:, rows, columns] = ours[name]
        else:
            view[:] = ours[name]
    return dense, full


@EVERY_BLOCK
def test_it_is_a_dense_block_of_which_entries_are_missing(block, dtype, tolerance):
    net = network(block, dtype=dtype)
    f, theta = objective(net, 200), net.init(0)
    dense, full = as_dense(net, theta)
    g = mgres.ResNetObjective(dense, f.samples.X, f.samples.y)
    found, expected = np.empty_like(theta), np.empty_like(full)
    value = f.value_and_grad(theta, found)
    assert value == pytest.approx(g.value_and_grad(full, expected), rel=tolerance)
    there = dense.views(expected)._asdict()
    for name, part in net.views(found)._asdict().items():
        other = there[name]
        if name == "W":
            rows, columns = block.pattern.places(net.width)
            other = other[:, rows, columns]
        np.testing.assert_allclose(part, other, rtol=10 * tolerance, atol=tolerance)


def test_all_ways_to_give_a_pattern_are_one():
    rows, columns = np.nonzero(MASK)
    indptr = np.concatenate([[0], np.cumsum(MASK.sum(1))])
    expected = blocks.Sparse(MASK)
    for given in (
        MASK.astype(float),
        MASK.astype(np.uint8).tolist(),
        (indptr, columns),
        (indptr.tolist(), columns.astype(np.uint16)),
        blocks.Pattern(indptr, columns),
        expected.pattern,
    ):
        block = blocks.Sparse(given)
        assert block == expected
        assert hash(block) == hash(expected)
        assert repr(block) == repr(expected)
    assert all(map(np.array_equal, expected.pattern.places(), (rows, columns)))
    assert blocks.Sparse(MASK.T) != expected
    assert repr(blocks.Sparse(MASK.T)) != repr(expected)
    assert blocks.Sparse(MASK) != blocks.Sparse(blocks.Banded(1))
    band = np.abs(np.subtract.outer(np.arange(20), np.arange(20))) <= 1
    explicit = blocks.Sparse(band)
    assert all(map(np.array_equal, explicit.pattern.places(), blocks.Banded(1).places(20)))


def test_scipy_matrices_are_taken_but_not_imported():
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.coo_matrix(MASK * 3.0)
    unsorted = sparse.coo_matrix(
        (np.zeros(2 * matrix.nnz), (np.tile(matrix.row[::-1], 2), np.tile(matrix.col[::-1], 2))),
        shape=matrix.shape,
    )
    for given in (matrix, matrix.tocsr(), matrix.tocsc(), sparse.csr_array(matrix), unsorted):
        assert blocks.Sparse(given) == blocks.Sparse(MASK)
    with pytest.raises(ValueError, match=r"pattern: expected a square matrix, got shape \(20, 9\)"):
        blocks.Sparse(matrix.tocsc()[:, :9])
    program = "import mgres, sys; mgres.blocks.Sparse([[1]]); sys.exit('scipy' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


@EVERY_BLOCK
def test_files_pickles_and_copies_keep_it(block, tmp_path):
    net = network(block)
    theta = net.init(0)
    mgres.save(tmp_path / "model.mgres", net, theta)
    model = mgres.load(tmp_path / "model.mgres")
    assert model.net == net
    assert np.array_equal(model.theta, theta)
    assert blocks.from_description(block.describe()) == block
    assert pickle.loads(pickle.dumps(net)) == copy.deepcopy(net) == net
    assert hash(copy.copy(block)) == hash(block)


def test_patterns_do_not_change():
    indptr, indices = np.array([0, 1, 2]), np.array([0, 1])
    block = blocks.Sparse((indptr, indices))
    indices[0] = 1
    assert block == blocks.Sparse(np.eye(2))
    with pytest.raises(ValueError, match="read-only"):
        block.pattern.indices[0] = 1


@EVERY_BLOCK
def test_hierarchies_and_fit_take_it(block):
    net = network(block, depth=16)
    f = objective(net)
    theta = net.init(0, coarse_depth=4)
    assert check_gradient(f, theta)
    result = mgres.fit(f, theta, max_work_units=20, seed=0)
    assert result.history[-1].loss < 0.9 * f.value(theta)


def test_a_stopped_run_goes_on_with_the_same_pattern_only(tmp_path):
    def run(mask, **options):
        f = objective(network(blocks.Sparse(mask), depth=8))
        return mgres.fit(f, f.net.init(0), method="V", levels=2, seed=0, **options)

    whole = run(MASK, max_cycles=3)
    run(MASK, max_cycles=2, checkpoint=mgres.Checkpoint(tmp_path))
    assert np.array_equal(run(MASK, max_cycles=3, resume=tmp_path).theta, whole.theta)
    with pytest.raises(ValueError, match="network"):
        run(MASK.T, max_cycles=3, resume=tmp_path)


@EVERY_BLOCK
def test_threads_change_no_bit(block):
    net = network(block, dtype=np.float32)
    f = objective(net, 700)
    theta, found = net.init(0), []
    for threads in (1, 2, 3, 8):
        out, product = np.empty_like(theta), np.empty_like(theta)
        with mgres.threads(threads):
            value = f.value_and_grad(theta, out)
            f.hessian_product(theta, theta, product)
            found.append((value, out.tobytes(), product.tobytes()))
    assert all(each == found[0] for each in found)


def test_it_starts_with_the_variance_of_its_rows():
    mask = np.zeros((40, 40), bool)
    mask[:20, :25] = mask[20:, 39] = True
    net = network(blocks.Sparse(mask), depth=512, width=40)
    for scheme, long, short in (
        ("normal", 1 / 25, 1),
        ("he", 2 / 25, 2),
        ("glorot", 2 / (25 + 20), 2 / (1 + 20)),
    ):
        W = net.views(net.init(0, scheme)).W
        assert W[:, :500].var() == pytest.approx(long, rel=0.05)
        assert W[:, 500:].var() == pytest.approx(short, rel=0.05)
    W = net.views(net.init(0, coarse_depth=4, scale=0.1)).W
    assert np.array_equal(W, np.repeat(W[::128], 128, axis=0))
    assert W[:, :500].var() == pytest.approx(0.01 / 25, rel=0.1)


def test_memory_grows_with_the_entries_only():
    """Of a width at which one full matrix would take 4 GB."""
    net = mgres.ResNet(2, 32768, 2, 4, block=blocks.Sparse(blocks.Banded(1)))
    f = objective(net, 4)
    theta = net.init(0)
    assert len(theta) < 2e6
    assert mgres.estimate_memory(net, 4) < 2e8
    out = np.empty_like(theta)
    assert np.isfinite(f.value_and_grad(theta, out))


@pytest.mark.parametrize(
    ("pattern", "error", "message"),
    [
        (np.ones((3, 4)), ValueError, r"pattern: expected a square matrix, got shape \(3, 4\)"),
        (np.ones(3, bool), ValueError, r"pattern: expected a square matrix, got shape \(3,\)"),
        ([[1, 2], [0, 1]], ValueError, "pattern: expected zeros and ones, got 2"),
        ([[1.0, np.nan], [0, 1]], ValueError, "pattern: expected zeros and ones, got nan"),
        (np.zeros((3, 3)), ValueError, "pattern: expected from 1 to 2147483647 entries, got 0"),
        ("banded", TypeError, "pattern: expected a boolean or 0/1 array, .* got str"),
        (None, TypeError, "pattern: expected a boolean or 0/1 array, .* got NoneType"),
        ([[1], [0, 1]], TypeError, "pattern: expected a boolean or 0/1 array, .* got list"),
        (np.ma.masked_array(np.eye(2)), TypeError, "pattern: expected .* got MaskedArray"),
        (np.eye(2).astype(object), TypeError, "pattern: expected .* got ndarray"),
        (([0, 2, 2], [1, 0]), ValueError, "row 0: expected ascending columns, got 0 after 1"),
        (([0, 2, 2], [1, 1]), ValueError, "row 0: expected ascending columns, got 1 after 1"),
        (([0, 1, 2], [0, 2]), ValueError, "row 1: expected columns from 0 to 1, got 2"),
        (([0, 1, 2], [0, -1]), ValueError, "row 1: expected columns from 0 to 1, got -1"),
        (([0, 1, 3], [0, 1]), ValueError, "pattern: expected rows from 0 to 2, got 0 to 3"),
        (([1, 1, 2], [0, 1]), ValueError, "pattern: expected rows from 0 to 2, got 1 to 2"),
        (([0, 2, 1, 2], [0, 1]), ValueError, "row 1: expected an end from 2 to 2, got 1"),
        (([0], []), ValueError, "indptr: expected at least 2 numbers, got 1"),
        (([0.0, 1.0], [0]), TypeError, "indptr: expected integers, got float64"),
        (([0, 1], [True]), TypeError, "indices: expected integers, got bool"),
        (([0, 1], [[0]]), ValueError, r"indices: expected one dimension, got shape \(1, 1\)"),
        (([0, 1], [2**64 - 1]), ValueError, "row 0: expected columns from 0 to 0, got"),
    ],
)
def test_bad_patterns_are_named(pattern, error, message):
    with pytest.raises(error, match=message):
        blocks.Sparse(pattern)


def test_bad_bands_and_widths_are_named():
    with pytest.raises(ValueError, match=r"lower: expected an integer from 0 .*, got -1"):
        blocks.Banded(-1)
    with pytest.raises(ValueError, match=r"upper: expected an integer from 0 .*, got 1\.5"):
        blocks.Banded(1, 1.5)
    with pytest.raises(ValueError, match="width: expected that of the pattern, 20, got 21"):
        network(BLOCKS["pattern"], width=21)
    with pytest.raises(ValueError, match="pattern: expected at most 2147483647 entries, got"):
        network(blocks.Sparse(blocks.Banded(10)), width=10**9)
    with pytest.raises(ValueError, match="scheme: verlet and Hamiltonian"):
        mgres.ResNet(2, 20, 2, 4, block=BLOCKS["pattern"], scheme="verlet")
    assert network(blocks.Sparse(blocks.Banded(10**12)), width=3).layer_arrays["W"] == (9,)


@EVERY_BLOCK
@pytest.mark.parametrize("norm", [None, "layer", "rms"])
def test_pytorch_gives_the_same(block, norm):
    torch = pytest.importorskip("torch", reason="NOT TESTED: needs torch")
    from mgres.torch import from_module, to_module

    net = network(replace(block, norm=norm), dtype=np.float64)
    f, theta = objective(net), net.init(0)
    module = to_module(net, theta)
    out = module(torch.from_numpy(f.samples.X))
    expected = net.logits(theta, f.samples.X)
    np.testing.assert_allclose(out.detach().numpy(), expected, rtol=1e-11, atol=1e-12)
    out.sum().backward()
    dtheta, _ = net.vjp(theta, f.samples.X, np.ones_like(expected))
    np.testing.assert_allclose(module.W.grad.numpy(), net.views(dtheta).W, rtol=1e-9, atol=1e-11)
    assert from_module(module)[0] == net
