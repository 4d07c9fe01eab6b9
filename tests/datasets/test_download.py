import gzip
import hashlib
import http.client
import io
import os
import stat
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from mgres.datasets import download, download_mnist, mnist

NAMES = list(download.SHA256)


@pytest.fixture
def contents(idx, monkeypatch):
    """The uncompressed contents of a tiny MNIST, which take the place of the real ones."""
    rng = np.random.default_rng(0)
    contents = {
        name: idx.encode(
            rng.integers(0, 256, (5, 28, 28), dtype=np.uint8)
            if "images" in name
            else rng.integers(0, 10, 5, dtype=np.uint8)
        )
        for name in NAMES
    }
    sums = {name: hashlib.sha256(each).hexdigest() for name, each in contents.items()}
    monkeypatch.setattr(download, "SHA256", sums)
    return contents


@pytest.fixture
def mirror(contents, tmp_path, monkeypatch):
    """A folder that holds the files, as the only mirror."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    for name, each in contents.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(each, mtime=0))
    monkeypatch.setattr(download, "MIRRORS", (f"{folder.as_uri()}/",))
    return folder


@pytest.fixture
def requests(monkeypatch):
    """A record of the addresses that are opened."""
    opened = []
    urlopen = urllib.request.urlopen

    def record(url, *, timeout):
        assert 0 < timeout <= 60
        opened.append(url)
        return urlopen(url, timeout=timeout)

    monkeypatch.setattr(urllib.request, "urlopen", record)
    return opened


def listing(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


ALL = sorted(f"{name}.gz" for name in NAMES)


def test_published_sums_are_those_of_the_real_files(real_mnist):
    """The other tests replace the sums; this one holds them against the data."""
    base = Path(os.environ["MGRES_DATA"])
    folder = base if download.find_file(base, NAMES[0]) else base / "mnist"
    assert [name for name in NAMES if not download._is_right(folder, name)] == []


def test_mirrors_are_https_folders():
    assert all(url.startswith("https://") and url.endswith("/") for url in download.MIRRORS)


def test_default_folder_is_where_mnist_looks(mirror, tmp_path):
    folder = download_mnist()
    assert folder == tmp_path / "cache/mgres/mnist"
    assert listing(folder) == ALL
    assert mnist()[0].shape == (5, 784)


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert download.cache_folder() == tmp_path / "mgres/mnist"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for unusable in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", unusable)
        assert download.cache_folder() == tmp_path / "home/.cache/mgres/mnist"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert download.cache_folder() == tmp_path / "home/.cache/mgres/mnist"


def test_files_are_those_of_the_mirror(mirror, tmp_path):
    assert download_mnist(str(tmp_path / "new/folder")) == tmp_path / "new/folder"
    for name in ALL:
        assert (tmp_path / "new/folder" / name).read_bytes() == (mirror / name).read_bytes()


def test_permissions_follow_the_umask(mirror, tmp_path):
    before = os.umask(0o022)
    try:
        folder = download_mnist(tmp_path / "new")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o644}


def test_right_files_are_kept(mirror, contents, tmp_path, requests):
    folder = tmp_path / "mine"
    folder.mkdir()
    plain = folder / NAMES[0]
    plain.write_bytes(contents[NAMES[0]])
    rewrapped = folder / f"{NAMES[1]}.gz"
    rewrapped.write_bytes(gzip.compress(contents[NAMES[1]], compresslevel=1, mtime=7))
    before = rewrapped.read_bytes()

    download_mnist(folder)
    assert len(requests) == 2
    assert rewrapped.read_bytes() == before
    assert listing(folder) == sorted([plain.name] + [f"{name}.gz" for name in NAMES[1:]])
    download_mnist(folder)
    assert len(requests) == 2


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b + b"\1", lambda b: b""], ids=["short", "long", "empty"]
)
def test_wrong_files_are_superseded(mirror, tmp_path, suffix, damage):
    good = download_mnist(tmp_path / "good")
    folder = download_mnist(tmp_path / "bad")
    packed = (folder / ALL[0]).read_bytes()
    (folder / ALL[0]).unlink()
    wrong = packed if suffix else gzip.decompress(packed)
    (folder / ALL[0].removesuffix(".gz")).with_suffix(suffix).write_bytes(damage(wrong))

    download_mnist(folder)
    for ours, theirs in zip(mnist(folder), mnist(good), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (
            gzip.compress(b"something else"),
            "expected sha256 .* when uncompressed, got [0-9a-f]{64}",
        ),
        (b"<html>Please log in</html>", "expected a gzip file of .*, got something else"),
        (gzip.compress(b"cut short")[:-9], "expected a gzip file of .*, got something else"),
        (b"", "expected sha256"),
    ],
    ids=["other-contents", "no-gzip", "short", "empty"],
)
def test_wrong_download_is_an_error_and_leaves_nothing(mirror, tmp_path, packed, message):
    (mirror / f"{NAMES[0]}.gz").write_bytes(packed)
    with pytest.raises(ValueError, match=message) as caught:
        download_mnist(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert mirror.as_uri() in str(caught.value)


def test_wrong_download_does_not_touch_the_old_file(mirror, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / f"{NAMES[0]}.gz").write_bytes(b"old")
    (mirror / f"{NAMES[0]}.gz").write_bytes(b"new")
    with pytest.raises(ValueError):
        download_mnist(folder)
    assert listing(folder) == [f"{NAMES[0]}.gz"]
    assert (folder / f"{NAMES[0]}.gz").read_bytes() == b"old"


def test_bomb_is_stopped(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_MOST_BYTES", 1 << 20)
    # had it been read to its end, that would have been found missing
    (mirror / f"{NAMES[0]}.gz").write_bytes(gzip.compress(bytes(32 << 20))[:-9])
    with pytest.raises(ValueError, match="expected at most 1048576 bytes, got more"):
        download_mnist(tmp_path / "new")


def test_endless_download_is_stopped(contents, tmp_path, monkeypatch):
    class Endless(io.BytesIO):
        def read(self, size=-1):
            assert 0 <= size <= 64 << 20
            return bytes(size)

    monkeypatch.setattr(urllib.request, "urlopen", lambda url, *, timeout: Endless())
    with pytest.raises(ValueError, match="expected a gzip file"):
        download_mnist(tmp_path / "new")


@pytest.mark.parametrize("first", ["absent", "wrong"])
def test_second_mirror_steps_in(mirror, tmp_path, monkeypatch, requests, first):
    bad = tmp_path / "bad"
    bad.mkdir()
    if first == "wrong":
        for name in ALL:
            (bad / name).write_bytes(gzip.compress(b"wrong"))
    monkeypatch.setattr(download, "MIRRORS", (f"{bad.as_uri()}/", *download.MIRRORS))
    assert listing(download_mnist(tmp_path / "new")) == ALL
    assert len(requests) == 8


@pytest.mark.parametrize(
    "error",
    [
        urllib.error.URLError("Name or service not known"),
        TimeoutError("timed out"),
        ConnectionResetError("reset by peer"),
        http.client.IncompleteRead(b""),
    ],
    ids=["no-name", "timeout", "reset", "incomplete"],
)
def test_offline(tmp_path, monkeypatch, error):
    asked = []

    def urlopen(url, *, timeout):
        asked.append(url)
        raise error

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    with pytest.raises(ConnectionError) as caught:
        download_mnist(tmp_path / "new")
    message = str(caught.value)
    assert asked == [f"{mirror}{NAMES[0]}.gz" for mirror in download.MIRRORS]
    assert str(error) in message
    assert str(tmp_path / "new") in message
    for name, sha256 in download.SHA256.items():
        assert name in message
        assert sha256 in message
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_failed_write_leaves_nothing(mirror, tmp_path, monkeypatch, step):
    def fail(*args):
        raise OSError("disk full")

    owner = os if step == "fsync" else Path
    monkeypatch.setattr(owner, step, fail)
    with pytest.raises(OSError, match="disk full"):
        download_mnist(tmp_path / "new")
    assert listing(tmp_path / "new") == []


def test_file_and_folder_are_on_disk_in_the_right_order(mirror, tmp_path, monkeypatch):
    steps = []
    fsync, replace = os.fsync, Path.replace

    def note_fsync(descriptor):
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def note_replace(self, target):
        steps.append("replace")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "replace", note_replace)
    download_mnist(tmp_path / "new")
    assert steps == ["file", "replace", "folder"] * 4


def test_folder_is_a_file(mirror, tmp_path):
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(NotADirectoryError, match="taken"):
        download_mnist(tmp_path / "taken")
