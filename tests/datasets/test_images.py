"""Images of one's own: what comes out of folders and arrays, and every way to get one wrong."""

from __future__ import annotations

import contextlib
import os
import random
import sys

import numpy as np
import pytest

from mgres.datasets import read_images
from mgres.datasets.images import pictures
from mgres.datasets.images.images import read_labelled, read_unlabelled
from mgres.datasets.images.samples import to_samples
from mgres.datasets.images.stored import holds_images, read_labelled_arrays, read_unlabelled_arrays

Image = pytest.importorskip("PIL.Image", reason="NOT TESTED: pictures (pip install pillow)")

RNG = np.random.default_rng(0)


def grey(height=4, width=3):
    return RNG.integers(0, 256, (height, width), np.uint8)


def colour(height=4, width=3):
    return RNG.integers(0, 256, (height, width, 3), np.uint8)


def write(path, pixels, **options):
    """Write pixels, an array or an image, to a new file in a folder that need not be there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


@pytest.fixture
def animals(tmp_path):
    """Three cats and two dogs of 4 x 3 grey pixels, and their pixels in the order of reading."""
    folder, pixels = tmp_path / "animals", []
    for name in ("cat/0.png", "cat/1.png", "cat/2.png", "dog/0.png", "dog/1.png"):
        pixels.append(grey())
        write(folder / name, pixels[-1])
    return folder, np.array(pixels)


def expected(pixels):
    """Return samples of byte images (n, H, W) or (n, H, W, C)."""
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    return (np.moveaxis(pixels, 3, 1).reshape(len(pixels), -1) / np.float32(255)).astype(np.float32)


# ---- folders -------------------------------------------------------------------------------------


def test_a_folder_of_classes(animals):
    folder, pixels = animals
    images = read_images(folder)
    assert images.X.dtype == np.float32
    np.testing.assert_array_equal(images.X, expected(pixels))
    assert images.y.dtype == np.int64
    assert images.y.tolist() == [0, 0, 0, 1, 1]
    assert (images.shape, images.classes, images.said) == ((1, 4, 3), ("cat", "dog"), ())
    assert images.X_val.shape == (0, 12)
    assert [path.name for path in images.files] == ["0.png", "1.png", "2.png", "0.png", "1.png"]


def test_channels_come_first(tmp_path):
    pixels = np.array([colour() for _ in range(4)])
    for i, one in enumerate(pixels):
        write(tmp_path / "ab"[i // 2] / f"{i}.png", one)
    images = read_images(tmp_path)
    assert images.shape == (3, 4, 3)
    np.testing.assert_array_equal(images.X, expected(pixels))
    # feature (c*H + i)*W + j
    assert images.X[2, (1 * 4 + 2) * 3 + 0] == np.float32(pixels[2, 2, 0, 1]) / np.float32(255)


def test_grey_and_colour_together(animals):
    folder, _ = animals
    one = colour()
    write(folder / "dog" / "2.png", one)
    images = read_images(folder)
    assert images.shape == (3, 4, 3)
    assert images.said == ("1 of 6 pictures have colours: all are read as RGB",)
    assert (images.X[0].reshape(3, -1) == images.X[0][:12]).all()
    as_grey = read_images(folder, channels=1)
    assert (as_grey.shape, as_grey.said) == ((1, 4, 3), ())
    luma = (one @ [0.299, 0.587, 0.114]).ravel() / 255
    np.testing.assert_allclose(as_grey.X[5], luma, atol=0.6 / 255)


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Training", "valid", "testing")])
def test_parts(animals, names):
    folder, pixels = animals
    train, val, test = names
    for i, part in enumerate((train, val, test)):
        for j, name in enumerate(("cat", "dog")):
            write(folder.parent / "set" / part / name / "x.png", pixels[2 * i + j - (i == 2)])
    images = read_images(folder.parent / "set")
    np.testing.assert_array_equal(images.X, expected(pixels[:2]))
    np.testing.assert_array_equal(images.X_val, expected(pixels[2:4]))
    assert images.y_val.tolist() == [0, 1]
    (said,) = images.said
    assert said.startswith(f"{folder.parent / 'set' / test}: is left for `mgres evaluate`")
    # a model is evaluated on what was left, or else on the validation
    X, y, said = read_labelled(folder.parent / "set", ("cat", "dog"), (1, 4, 3), is_resized=False)
    np.testing.assert_array_equal(X, expected(pixels[3:5]))
    assert (y.tolist(), said) == ([0, 1], (f"read from {folder.parent / 'set' / test}",))


def test_train_and_test_alone(animals):
    folder, pixels = animals
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            write(folder.parent / "set" / part / name / "x.png", pixels[0])
    images = read_images(folder.parent / "set")
    assert (len(images.X), len(images.X_val), images.said) == (2, 2, ())


def test_a_class_may_be_called_train(tmp_path):
    for name in ("train", "car", "test"):
        write(tmp_path / name / "x.png", grey())
    assert read_images(tmp_path).classes == ("car", "test", "train")


def test_numbers_as_names_have_their_order(tmp_path):
    for i in range(11):
        write(tmp_path / str(i) / "x.png", grey())
    images = read_images(tmp_path)
    assert images.classes == tuple(map(str, range(11)))
    assert images.y.tolist() == [*range(11)]


def test_clutter_and_links(animals):
    folder, pixels = animals
    for name in (".DS_Store", "cat/.hidden.png", "cat/Thumbs.db", "dog/desktop.ini", ".git/x.png"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"no picture")
    (folder / "cat" / "2.png").rename(folder.parent / "elsewhere.PNG")
    (folder / "cat" / "2.PnG").symlink_to(folder.parent / "elsewhere.PNG")
    (folder / "dog").rename(folder.parent / "dogs")
    (folder / "dog").symlink_to(folder.parent / "dogs")
    images = read_images(folder)
    assert images.said == ()
    np.testing.assert_array_equal(images.X, expected(pixels))


def test_what_is_passed_over_is_told(animals):
    folder, pixels = animals
    (folder / "README.txt").write_text("about cats")
    (folder / "cat" / "notes.csv").write_text("1")
    write(folder / "cat" / "more" / "x.png", grey())
    images = read_images(folder)
    assert images.said == (
        f"passed over: 2 files are no pictures by their names, the first is {folder}/README.txt",
        f"passed over: 1 folders are not looked into, the first is {folder}/cat/more",
    )
    np.testing.assert_array_equal(images.X, expected(pixels))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="NOT TESTED: pipes")
def test_a_pipe_is_not_waited_for(animals):
    folder, pixels = animals
    os.mkfifo(folder / "cat" / "pipe.png")
    np.testing.assert_array_equal(read_images(folder).X, expected(pixels))


# ---- pictures ------------------------------------------------------------------------------------


def read_one(tmp_path, image, name="x.png", channels=None, size=None, **options):
    path = write(tmp_path / name, image, **options)
    wanted = pictures.Wanted(channels, size, size is not None)
    X, shape, said = pictures.read_pictures([path], wanted, "x")
    return X.reshape(shape), said


@pytest.mark.parametrize("name", ["x.png", "x.bmp", "x.gif", "x.tif", "x.pgm", "x.tga", "x.TIFF"])
def test_formats_without_loss(tmp_path, name):
    pixels = grey()
    found, _ = read_one(tmp_path, pixels, name)
    np.testing.assert_array_equal(found[0], pixels / np.float32(255))


@pytest.mark.parametrize(("name", "options"), [("x.JPG", {"quality": 95}), ("x.webp", {})])
def test_formats_with_loss(tmp_path, name, options):
    pixels = np.add.outer(np.arange(40), np.arange(32)).astype(np.uint8)
    found, _ = read_one(tmp_path, pixels, name, channels=1, **options)
    np.testing.assert_allclose(found[0], pixels / 255, atol=0.03)


def test_truth_values(tmp_path):
    found, _ = read_one(tmp_path, Image.fromarray(np.eye(3, dtype=bool)))
    np.testing.assert_array_equal(found[0], np.eye(3))


def test_palettes(tmp_path):
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 51])
    image.putdata([0, 1, 2])
    found, _ = read_one(tmp_path, image)
    np.testing.assert_array_equal(found[:, 0].T, np.float32([[1, 0, 0], [0, 1, 0], [0, 0, 0.2]]))


@pytest.mark.parametrize("name", ["x.png", "x.gif", "x.bmp", "x.tif"])
def test_palettes_of_greys_are_grey(tmp_path, name):
    image = Image.new("P", (3, 1))
    image.putpalette([value for value in (0, 51, 255) for _ in range(3)])
    image.putdata([0, 1, 2])
    found, _ = read_one(tmp_path, image, name)
    assert found.tolist() == [[[0, np.float32(0.2), 1]]]


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_the_transparent_is_laid_on_white(tmp_path, mode):
    image = Image.new(mode, (2, 1), (0,) * len(mode))
    image.putpixel((1, 0), (0,) * (len(mode) - 1) + (255,))
    found, _ = read_one(tmp_path, image)
    assert found.shape[0] == len(mode) - 1
    assert found[:, 0].tolist() == [[1, 0]] * (len(mode) - 1)


def test_a_transparent_entry_of_a_palette(tmp_path):
    image = Image.new("P", (2, 1), 0)
    image.putpalette([0, 0, 0, 0, 0, 255])
    image.putdata([0, 1])
    found, _ = read_one(tmp_path, image, transparency=0)
    assert found[:, 0].T.tolist() == [[1, 1, 1], [0, 0, 1]]


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.pgm"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_of_grey(tmp_path, name, channels):
    pixels = RNG.integers(0, 65536, (4, 3)).astype(np.uint16)
    found, _ = read_one(tmp_path, pixels, name, channels)
    assert found.shape == (channels, 4, 3)
    np.testing.assert_allclose(found, np.broadcast_to(pixels / 65535, found.shape), rtol=1e-6)


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_set_upright(tmp_path, name, orientation):
    pixels = np.add.outer(20 * np.arange(12), np.arange(8)).astype(np.uint8)  # no symmetry
    # row 0 and column 0 of what the camera saw are, by the standard: top left, top right, ...
    upright = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.T,
        6: pixels[::-1].T,
        7: pixels[::-1, ::-1].T,
        8: pixels[:, ::-1].T,
    }[orientation]
    exif = Image.Exif()
    exif[274] = orientation
    path = write(tmp_path / name, pixels, exif=exif)
    header = pictures.look(path)
    assert (header.height, header.width) == upright.shape
    found = pictures.decode(path, 1, upright.shape)
    np.testing.assert_allclose(found[0], upright / 255, atol=0.03 if name == "x.jpg" else 1e-6)


def test_only_the_first_of_several_pictures(tmp_path):
    frames = [grey(), grey()]
    found, said = read_one(
        tmp_path,
        Image.fromarray(frames[0]),
        "x.gif",
        save_all=True,
        append_images=[Image.fromarray(frames[1])],
    )
    np.testing.assert_array_equal(found[0], frames[0] / np.float32(255))
    assert said == ("1 of 1 files hold several pictures: the first is read",)


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.pgm"])
def test_resizing(tmp_path, name):
    pixels = np.add.outer(2 * np.arange(96), np.arange(64))
    wide = name == "x.pgm"
    pixels = (257 * pixels).astype(np.uint16) if wide else pixels.astype(np.uint8)
    found, _ = read_one(tmp_path, pixels, name, size=(6, 4))
    assert found.shape == (1, 6, 4)
    smooth = np.add.outer(2 * (16 * np.arange(6) + 7.5), 16 * np.arange(4) + 7.5)
    np.testing.assert_allclose(found[0, 1:-1, 1:-1], smooth[1:-1, 1:-1] / 255, atol=0.02)


def test_size_of_a_folder(animals):
    folder, _ = animals
    write(folder / "cat" / "large.png", grey(9, 9))
    assert read_images(folder, size=6).shape == (1, 6, 6)
    assert read_images(folder, size=(6, 5)).X.shape == (6, 30)


# ---- mistakes ------------------------------------------------------------------------------------


def refusal(kind, *arguments, **options):
    with pytest.raises(kind) as caught:
        read_images(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_another_size(animals):
    folder, _ = animals
    write(folder / "cat" / "3.png", grey(5, 3))
    write(folder / "dog" / "3.png", grey(5, 3))
    assert refusal(ValueError, folder) == (
        f"{folder}/cat/3.png: expected 4 x 3 pixels, as {folder}/cat/0.png has, got 5 x 3; 2 of 7 "
        "files have another size; --size 4x3 (in Python size=(4, 3)) resizes all"
    )


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.gif", "x.tif", "x.bmp", "x.webp", "x.pgm"])
def test_damaged_files_are_named(animals, name):
    folder, _ = animals
    path = write(folder / "cat" / name, Image.fromarray(colour(40, 30)).convert("L"))
    data = path.read_bytes()
    draw = random.Random(name)
    for cut in [*draw.sample(range(len(data) // 2), 20), 0]:
        path.write_bytes(data[:cut])
        with pytest.raises(ValueError, match=r"cat.x\.\w+: expected a picture") as caught:
            pictures.decode(path, 1, (40, 30))
        assert "\n" not in str(caught.value)
    for _ in range(60):
        changed = bytearray(data)
        for _ in range(3):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
        path.write_bytes(changed)
        with contextlib.suppress(pictures.PictureError):
            pictures.read_pictures([path], pictures.Wanted(1, (40, 30), True), "x")
    path.write_bytes(b"")
    assert f"{path}: expected a picture" in refusal(ValueError, folder)


def test_claims_of_many_pixels(tmp_path):
    path = tmp_path / "x.pgm"
    path.write_bytes(b"P5 100000 100000 255 ")
    with pytest.raises(ValueError, match="pixels"):
        pictures.look(path)


def test_more_than_memory_is_told_before_reading(animals, monkeypatch):
    folder, _ = animals
    monkeypatch.setattr("mgres.memory.available_memory", lambda: 100)
    monkeypatch.setattr(pictures, "decode", lambda *_: pytest.fail("decoded"))
    assert "5 pictures of (1, 4, 3) needs at least" in refusal(MemoryError, folder)


def test_bad_folders(animals, tmp_path):
    folder, _ = animals
    assert "there is no such file or folder" in refusal(FileNotFoundError, tmp_path / "none")
    (tmp_path / "empty").mkdir()
    assert "for each class, got none" in refusal(ValueError, tmp_path / "empty")
    assert "for each class, got 3 pictures" in refusal(ValueError, folder / "cat")
    write(tmp_path / "single" / "cat" / "x.png", grey())
    assert "at least two classes, got one, 'cat'" in refusal(ValueError, tmp_path / "single")
    (folder / "cow").mkdir()
    assert "cow: expected pictures of the class 'cow', got 0 other" in refusal(ValueError, folder)
    (folder / "cow" / "album").mkdir()
    assert "got 1 folders; remove the folder if it is no class" in refusal(ValueError, folder)
    path = tmp_path / "t.csv"
    path.write_text("a,b\n")
    assert "t.csv: expected a folder with a sub-folder" in refusal(ValueError, path)


def test_a_link_that_leads_nowhere(animals):
    folder, _ = animals
    (folder / "cat" / "lost.png").symlink_to(folder / "nowhere.png")
    with pytest.raises(FileNotFoundError, match=r"lost\.png"):
        read_images(folder)


def test_another_size_in_the_validation(animals):
    folder, pixels = animals
    for name in ("train/cat", "train/dog", "val/cat"):
        write(folder.parent / "set" / name / "x.png", pixels[0])
    write(folder.parent / "set" / "val" / "dog" / "x.png", grey(5, 5))
    assert refusal(ValueError, folder.parent / "set").endswith(
        f"val/dog/x.png: expected 4 x 3 pixels, as those in {folder.parent}/set/train have, got "
        "5 x 5; --size 4x3 (in Python size=(4, 3)) resizes all"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: names of files that are no text")
def test_names_that_are_no_text(animals):
    folder, _ = animals
    (folder / os.fsdecode(b"\xff.txt")).touch()
    (said,) = read_images(folder).said
    assert said.endswith("\\xff.txt")
    said.encode()
    (folder / os.fsdecode(b"\xff")).mkdir()
    write(folder / os.fsdecode(b"\xff") / "x.png", grey())
    assert "expected the name of a class in UTF-8" in refusal(ValueError, folder)


def test_other_classes_in_the_validation(animals):
    folder, pixels = animals
    for name in ("train/cat", "train/dog", "val/cow"):
        write(folder.parent / "set" / name / "x.png", pixels[0])
    message = refusal(ValueError, folder.parent / "set")
    assert "val/cow: there is no class 'cow' in" in message
    assert message.endswith("its classes are cat, dog")


@pytest.mark.parametrize("channels", [2, 0, True, "rgb"])
def test_bad_channels(animals, channels):
    assert "channels: expected 1 (grey), 3 (RGB)" in refusal(
        ValueError, animals[0], channels=channels
    )


@pytest.mark.parametrize("size", [0, -1, (3,), (3, 4, 5), "28", 2.5, True, (3, 0)])
def test_bad_sizes(animals, size):
    assert "size: expected an integer from 1" in refusal(ValueError, animals[0], size=size)


def test_without_pillow(animals, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert refusal(ImportError, animals[0]).endswith(
        'reading pictures needs Pillow: pip install "mgres[images]"'
    )


# ---- for a model ---------------------------------------------------------------------------------


def test_pictures_for_a_model(animals):
    folder, pixels = animals
    X, files = read_unlabelled([folder / "dog" / "1.png", folder], (1, 4, 3), is_resized=False)
    np.testing.assert_array_equal(X, expected(pixels[[4, 0, 1, 2, 3, 4]]))
    assert [path.name for path in files][:2] == ["1.png", "0.png"]
    with pytest.raises(
        ValueError, match="expected 5 x 3 pixels, as those of the model have, got 4 x 3"
    ):
        read_unlabelled([folder], (1, 5, 3), is_resized=False)
    X, _ = read_unlabelled([folder], (3, 5, 3), is_resized=True)
    assert X.shape == (5, 45)
    _, y, _ = read_labelled(folder, ("ant", "cat", "dog"), (1, 4, 3), is_resized=False)
    assert y.tolist() == [1, 1, 1, 2, 2]
    with pytest.raises(ValueError, match="there is no class 'cat' in the model; its classes are"):
        read_labelled(folder, ("cats", "dog"), (1, 4, 3), is_resized=False)


# ---- arrays --------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["NHW", "NHWC", "NCHW"])
@pytest.mark.parametrize("names", [("X", "y"), ("x_train", "y_train")])
def test_archives(tmp_path, layout, names):
    pixels = RNG.integers(0, 256, (6, 4, 5, 3), np.uint8)
    stored = {"NHW": pixels[..., 0], "NHWC": pixels, "NCHW": np.moveaxis(pixels, 3, 1)}[layout]
    y = np.arange(6)[:, None] % 3  # as Keras has them
    np.savez(tmp_path / "t.npz", **dict(zip(names, (stored, y), strict=True)))
    images = read_images(tmp_path / "t.npz")
    assert images.shape == ((1 if layout == "NHW" else 3), 4, 5)
    np.testing.assert_array_equal(images.X, expected(pixels[..., 0] if layout == "NHW" else pixels))
    assert (images.y.tolist(), images.classes) == ([0, 1, 2] * 2, (0, 1, 2))
    assert len(images.X_val) == 0
    assert holds_images(tmp_path / "t.npz")


def test_archives_with_a_test(tmp_path):
    pixels = RNG.integers(0, 256, (8, 4, 5), np.uint8)
    y = np.array(["no", "yes"] * 4)
    path = tmp_path / "t.npz"
    np.savez(path, x_train=pixels[:5], y_train=y[:5], x_test=pixels[5:], y_test=y[5:])
    images = read_images(path)
    np.testing.assert_array_equal(images.X_val, expected(pixels[5:]))
    assert (images.y_val.tolist(), images.classes) == ([1, 0, 1], ("no", "yes"))
    X, y_read = read_labelled_arrays(path, None, ("no", "yes"), (1, 4, 5))
    np.testing.assert_array_equal(X, images.X_val)
    assert y_read.tolist() == [1, 0, 1]
    np.testing.assert_array_equal(read_unlabelled_arrays(path, (1, 4, 5)), images.X_val)
    with pytest.raises(ValueError, match="'no' is none of the classes of the model, a, yes"):
        read_labelled_arrays(path, None, ("a", "yes"), (1, 4, 5))


def test_idx_files_with_many_classes(tmp_path, idx):
    pixels = RNG.integers(0, 256, (60, 4, 5), np.uint8)
    idx.write(tmp_path / "a-idx3-ubyte.gz", pixels)
    idx.write(tmp_path / "b-idx1-ubyte", (np.arange(60) % 30).astype(np.uint8))
    images = read_images(tmp_path / "a-idx3-ubyte.gz", str(tmp_path / "b-idx1-ubyte"))
    assert images.classes == tuple(range(30))
    np.testing.assert_array_equal(images.X, expected(pixels))
    assert holds_images(tmp_path / "a-idx3-ubyte.gz")
    assert not holds_images(tmp_path / "b-idx1-ubyte")


@pytest.mark.parametrize(
    ("dtype", "highest"),
    [("u1", 255), ("u2", 65535), ("i8", 255), ("f4", 1), ("f8", 1), ("?", 1)],
)
def test_what_stands_for_white(dtype, highest):
    pixels = np.zeros((2, 3, 3), dtype)
    pixels[1] = highest
    X, _ = to_samples("x", pixels)
    assert X.tolist() == [[0] * 9, [1] * 9]


@pytest.mark.parametrize("values", [[0.0, 255.0], [-0.1, 1], [0, np.nan], [0, 300], [-1, 5]])
def test_numbers_beyond_white(values):
    with pytest.raises(ValueError, match="scale them before they are stored"):
        to_samples("x", np.array(values)[:, None, None])


def test_grey_of_arrays_and_back():
    pixels = RNG.integers(0, 256, (3, 4, 5, 3), np.uint8)
    X, shape = to_samples("x", pixels, channels=1)
    assert shape == (1, 4, 5)
    np.testing.assert_allclose(X, (pixels @ [0.299, 0.587, 0.114]).reshape(3, -1) / 255, rtol=1e-5)
    X, shape = to_samples("x", pixels[..., 0], channels=3)
    assert shape == (3, 4, 5)
    assert (X.reshape(3, 3, -1) == X.reshape(3, 3, -1)[:, :1]).all()


def test_arrays_that_could_mean_two_things():
    pixels = RNG.integers(0, 256, (2, 3, 5, 3), np.uint8)
    with pytest.raises(ValueError, match="both could be meant"):
        to_samples("x", pixels)
    X, _ = to_samples("x", pixels, shape=(3, 3, 5))  # a model knows
    np.testing.assert_array_equal(X, expected(pixels))
    X, _ = to_samples("x", pixels, shape=(3, 5, 3))
    np.testing.assert_array_equal(X, expected(np.moveaxis(pixels, 1, 3)))


@pytest.mark.parametrize("shape", [(4,), (4, 3), (2, 4, 5, 2), (2, 3, 4, 5, 3), (0, 4, 5)])
def test_arrays_that_are_no_images(shape):
    with pytest.raises(ValueError, match="x: expected images"):
        to_samples("x", np.zeros(shape, np.uint8))


def test_bad_archives(tmp_path):
    path, X = tmp_path / "t.npz", np.zeros((4, 3, 3), np.uint8)

    def told(**arrays):
        np.savez(path, **arrays)
        return refusal(ValueError, path)

    assert "there is no array 'X' of images; its arrays are A" in told(A=X)
    assert "there is no array 'y' of labels; its arrays are X" in told(X=X)
    assert "t.npz: y: expected 4 labels, one for each image, got shape (3,)" in told(X=X, y=[0] * 3)
    assert "expected labels, whole numbers or texts, got 0.5" in told(X=X, y=[0.5, 1, 0, 1])
    assert "at least two classes, got one, 7" in told(X=X, y=[7] * 4)
    assert "'c' is none of the classes of the training" in told(
        x_train=X, y_train=list("abab"), x_test=X, y_test=list("abca")
    )
    assert "size: is for pictures in a folder" in refusal(ValueError, path, size=3)
    path.write_bytes(b"no archive")
    assert "expected arrays written by numpy.savez" in refusal(ValueError, path)
    assert not holds_images(path)
