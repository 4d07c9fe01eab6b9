"""A folder as the pages suppose it: a table of flowers, another without its answers."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import mgres


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, empty but for ``flowers.csv`` and ``more-flowers.csv``; one thread."""
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
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield tmp_path
    mgres.set_num_threads(before)
