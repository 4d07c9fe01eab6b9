"""A folder as the pages suppose it: tables of flowers, pictures of animals."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import mgres


def draw_animals(folder, rng):
    """Make PNG files and an archive: cats have an upright bar, dogs one that lies; 20 of each."""
    images = rng.integers(0, 60, (40, 8, 8), np.uint8)
    for i, pixels in enumerate(images):
        pixels[(slice(1, 7), 2 + i % 5) if i % 2 else (2 + i % 5, slice(1, 7))] = 250
    np.savez(folder.with_suffix(".npz"), X=images, y=np.array(["dog", "cat"] * 20))
    try:
        from PIL import Image
    except ImportError:
        return
    for i, pixels in enumerate(images):
        path = folder / ("cat" if i % 2 else "dog") / f"{i // 2}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with ``flowers.csv``, ``more-flowers.csv``, ``animals``, one thread."""
    before = mgres.get_num_threads()
    mgres.set_num_threads(1)
    rng = np.random.default_rng(0)
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    kinds = {"setosa": (5, 3.4, 1.5, 0.2), "virginica": (6.6, 3, 5.5, 2), "lily": (9, 4, 2, 1)}
    rows = [
        [*np.round(rng.normal(mean, 0.3), 2), kind]
        for kind, mean in kinds.items()
        for _ in range(40)
    ]
    rng.shuffle(rows)
    for name, header, table in (
        ("flowers.csv", [*names, "species"], rows),
        ("more-flowers.csv", names, [row[:4] for row in rows[:9]]),
    ):
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *table])
    draw_animals(tmp_path / "animals", rng)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield tmp_path
    mgres.set_num_threads(before)
