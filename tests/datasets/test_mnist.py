import numpy as np
import pytest

from mgres.datasets import mnist

IMAGES = {"train": "train-images-idx3-ubyte", "val": "t10k-images-idx3-ubyte"}
LABELS = {"train": "train-labels-idx1-ubyte", "val": "t10k-labels-idx1-ubyte"}


@pytest.fixture
def raw():
    """A tiny MNIST of random pixels."""
    rng = np.random.default_rng(0)
    return {
        IMAGES["train"]: rng.integers(0, 256, (6, 28, 28), dtype=np.uint8),
        LABELS["train"]: np.array([5, 0, 4, 1, 9, 2], np.uint8),
        IMAGES["val"]: rng.integers(0, 256, (3, 28, 28), dtype=np.uint8),
        LABELS["val"]: np.array([7, 2, 1], np.uint8),
    }


@pytest.fixture
def write(idx):
    def write(folder, files, suffix=".gz"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in files.items():
            idx.write(folder / (name + suffix), array)
        return folder

    return write


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("center", ["pixel", "global", None])
def test_values(tmp_path, raw, write, dtype, center):
    X_train, y_train, X_val, y_val = mnist(write(tmp_path, raw), dtype, center)
    train = raw[IMAGES["train"]].reshape(6, 784) / 255.0
    val = raw[IMAGES["val"]].reshape(3, 784) / 255.0
    mean = {"pixel": train.mean(axis=0), "global": train.mean(), None: 0.0}[center]
    for X, expected in ((X_train, train - mean), (X_val, val - mean)):
        assert X.dtype == np.dtype(dtype)
        assert X.shape == expected.shape
        assert X.flags.c_contiguous
        np.testing.assert_allclose(X, expected, rtol=0, atol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(y_train, np.array([5, 0, 4, 1, 9, 2]), strict=True)
    np.testing.assert_array_equal(y_val, np.array([7, 2, 1]), strict=True)


def test_float32_is_rounded_float64(tmp_path, raw, write):
    write(tmp_path, raw)
    single, double = mnist(tmp_path), mnist(tmp_path, np.float64)
    assert single[0].tobytes() == double[0].astype(np.float32).tobytes()
    assert single[2].tobytes() == double[2].astype(np.float32).tobytes()


def test_more_images_than_one_block(tmp_path, raw, write):
    images = np.random.default_rng(1).integers(0, 256, (5000, 28, 28), dtype=np.uint8)
    raw |= {IMAGES["train"]: images, LABELS["train"]: np.zeros(5000, np.uint8)}
    X_train, *_ = mnist(write(tmp_path, raw), np.float64, center=None)
    np.testing.assert_array_equal(X_train, images.reshape(5000, 784) / 255.0)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_lookup(tmp_path, monkeypatch, raw, write, suffix):
    """The argument wins over the environment, and that over the cache folder."""

    def labels(files, first):
        return files | {LABELS["val"]: np.array([first, 2, 1], np.uint8)}

    write(tmp_path / "cache/mgres/mnist", labels(raw, 3), suffix)
    assert mnist()[3][0] == 3
    write(tmp_path / "data/mnist", labels(raw, 4), suffix)
    monkeypatch.setenv("MGRES_DATA", str(tmp_path / "data"))
    assert mnist()[3][0] == 4
    monkeypatch.setenv("MGRES_DATA", str(tmp_path / "data/mnist"))
    assert mnist()[3][0] == 4
    write(tmp_path / "own", labels(raw, 5), suffix)
    assert mnist(tmp_path / "own")[3][0] == 5
    assert mnist(str(tmp_path / "own"))[3][0] == 5
    monkeypatch.setenv("MGRES_DATA", "")
    assert mnist()[3][0] == 3


def test_home_is_expanded(tmp_path, monkeypatch, raw, write):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "own", raw)
    assert len(mnist("~/own")[0]) == 6
    monkeypatch.setenv("MGRES_DATA", "~/own")
    assert len(mnist()[0]) == 6
    write(tmp_path / "mnist", raw)
    monkeypatch.setenv("MGRES_DATA", "~")
    assert len(mnist()[0]) == 6


def test_compressed_file_supersedes_plain_one(tmp_path, raw, write):
    write(tmp_path, raw)
    write(tmp_path, raw | {LABELS["val"]: np.array([0, 0, 0], np.uint8)}, suffix="")
    assert mnist(tmp_path)[3][0] == 7


def test_missing_everywhere(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        mnist()
    message = str(caught.value)
    for name in (*IMAGES.values(), *LABELS.values()):
        assert name in message
    assert str(tmp_path / "cache/mgres/mnist") in message
    assert "MGRES_DATA" in message
    assert "path=" in message
    assert "mgres.datasets.download_mnist()" in message


@pytest.mark.parametrize("by", ["path", "environment"])
def test_missing_one_file_does_not_fall_back_on_another_folder(
    tmp_path, monkeypatch, raw, write, by
):
    write(tmp_path / "cache/mgres/mnist", raw)
    write(tmp_path / "own", raw)
    (tmp_path / "own" / f"{LABELS['val']}.gz").unlink()
    monkeypatch.setenv("MGRES_DATA", str(tmp_path / "own"))
    with pytest.raises(FileNotFoundError) as caught:
        mnist(tmp_path / "own" if by == "path" else None)
    message = str(caught.value)
    assert f"{tmp_path / 'own'} lacks {LABELS['val']}." in message
    assert f"folder={str(tmp_path / 'own')!r}" in message
    assert (str(tmp_path / "own/mnist") in message) == (by == "environment")


PIXELS = np.zeros((6, 28, 28), np.uint8)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (IMAGES["train"], PIXELS[:, 1:], r"\(n, 28, 28\) .* got shape \(6, 27, 28\)"),
        (IMAGES["train"], PIXELS.reshape(6, 784), r"got shape \(6, 784\)"),
        (IMAGES["val"], PIXELS[:3].astype(np.int8), "dtype uint8, got .* dtype int8"),
        (IMAGES["train"], PIXELS[:5], "expected 5 labels, as many as images, got 6"),
        (LABELS["val"], np.zeros(4, np.uint8), "expected 3 labels, as many as images, got 4"),
        (LABELS["val"], np.array([1, 10, 2], np.uint8), "labels from 0 to 9, got 10"),
        (LABELS["val"], np.zeros(3, np.int32), "dtype uint8, got .* dtype int32"),
        (LABELS["val"], np.zeros((3, 1), np.uint8), r"\(n,\) .* got shape \(3, 1\)"),
        (IMAGES["val"], PIXELS[:0], "expected at least one image, got none"),
        (LABELS["val"], np.zeros(0, np.uint8), "expected 3 labels, as many as images, got 0"),
    ],
)
def test_wrong_contents(tmp_path, raw, write, name, array, message):
    write(tmp_path, raw | {name: array})
    with pytest.raises(ValueError, match=message) as caught:
        mnist(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/")


def test_both_empty(tmp_path, raw, write):
    raw |= {IMAGES["val"]: PIXELS[:0], LABELS["val"]: np.zeros(0, np.uint8)}
    with pytest.raises(ValueError, match="expected at least one image, got none"):
        mnist(write(tmp_path, raw))


def test_damaged_file(tmp_path, raw, write):
    path = write(tmp_path, raw) / f"{IMAGES['train']}.gz"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=f"{path}: expected an intact gzip stream"):
        mnist(tmp_path)


def test_bad_arguments():
    with pytest.raises(ValueError, match="center: expected 'pixel', 'global' or None, got 'mean'"):
        mnist(center="mean")
    with pytest.raises(ValueError, match="dtype: expected float32 or float64"):
        mnist(dtype=np.uint8)


def test_real_files(real_mnist):
    X_train, y_train, X_val, y_val = mnist(center=None)
    assert X_train.shape == (60_000, 784)
    assert X_val.shape == (10_000, 784)
    np.testing.assert_array_equal(y_train[:10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4])
    np.testing.assert_array_equal(y_val[:10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9])
    # the statistics everybody normalises MNIST by
    assert round(float(X_train.mean(dtype=np.float64)), 4) == 0.1307
    assert round(float(X_train.std(dtype=np.float64)), 4) == 0.3081


def test_real_files_centred(real_mnist):
    X_train, _, X_val, _ = mnist()
    assert np.abs(X_train.mean(axis=0, dtype=np.float64)).max() < 1e-7
    assert 1e-4 < np.abs(X_val.mean(axis=0, dtype=np.float64)).max() < 0.05
    X_train, *_ = mnist(center="global")
    assert abs(X_train.mean(dtype=np.float64)) < 1e-7
    assert np.abs(X_train.mean(axis=0, dtype=np.float64)).max() > 0.1
