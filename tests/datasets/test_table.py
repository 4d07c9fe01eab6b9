"""Tables of one's own: what is read from each kind of file, and what is refused."""

from __future__ import annotations

import csv
import gzip
import random
import re
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgres.datasets import read_table
from mgres.datasets.columns import Columns
from mgres.datasets.delimited import read_delimited
from mgres.datasets.table import check_varied, is_table
from mgres.datasets.targets import encode, read_target

PLAIN = "a,b,kind\n1,2.5,x\n-3e2,4,y\n0,.5,x\n"
X = [[1, 2.5], [-300, 4], [0, 0.5]]


@pytest.fixture
def write(tmp_path):
    def write(text, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


# ---- text ---------------------------------------------------------------------------------------

SAME = {
    "comma": PLAIN,
    "semicolon": PLAIN.replace(",", ";"),
    "tab": PLAIN.replace(",", "\t"),
    "bar": PLAIN.replace(",", "|"),
    "byte order mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "lines of DOS": PLAIN.replace("\n", "\r\n"),
    "lines of old Macs": PLAIN.replace("\n", "\r"),
    "no line end at the end": PLAIN.rstrip(),
    "blank lines": PLAIN.replace("\n", "\n\n \n"),
    "blanks around cells": PLAIN.replace(",", " , "),
    "quotes": 'a,"b",kind\n"1","2.5","x"\n-3e2,4,y\n0,.5,"x"\n',
    "plus": PLAIN.replace("1,", "+1,"),
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_text_in_all_its_forms(write, text):
    table = read_table(write(text), "kind")
    assert table.X.tolist() == X
    assert table.X.dtype == np.float64
    assert table.features == ("a", "b")
    assert table.target.task == "classification"
    assert table.target.classes == ("x", "y")
    assert table.target.values.tolist() == [0, 1, 0]


def test_cells_with_delimiters_quotes_and_line_breaks(write):
    columns = read_delimited(write('a,"the ""b"", c"\n1,"two\nlines"\n2,"x, y"\n'))
    assert list(columns.cells) == ["a", 'the "b", c']
    assert columns.cells['the "b", c'].tolist() == ["two\nlines", "x, y"]


def test_delimiter_that_is_given_or_belongs_to_the_name(write):
    path = write("a:b;c\n1:2\n3:4\n")
    assert list(read_delimited(path, ":").cells) == ["a", "b;c"]
    assert list(read_delimited(write("a, b, c;d\n1;2\n3;4\n")).cells) == ["a, b, c", "d"]
    assert list(read_table(write("a,b\tc\n1\t2\n2\t3\n", "t.tsv"), "c").features) == ["a,b"]


def test_single_column(write):
    assert list(read_delimited(write("a\n1\n2\n")).cells) == ["a"]


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=1, max_size=6)


@given(
    st.lists(TEXT, min_size=2, max_size=5, unique=True),
    st.integers(1, 6),
    st.integers(0, 2**32),
    st.sampled_from(",;\t|"),
)
def test_what_the_csv_module_writes_is_read(tmp_path_factory, names, rows, seed, delimiter):
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    draw = random.Random(seed)
    cells = [[draw.choice([*names, "1.5", "x y", "a,b"]) for _ in names] for _ in range(rows)]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows([names, *cells])
    columns = read_delimited(path, delimiter)
    assert list(columns.cells) == names
    assert [list(row) for row in zip(*columns.cells.values(), strict=True)] == cells


# ---- other kinds of files -----------------------------------------------------------------------


def test_archive(tmp_path):
    np.savez(tmp_path / "t.npz", X=np.array(X, np.float32), y=np.array(["x", "y", "x"]))
    table = read_table(tmp_path / "t.npz")
    assert (table.X.tolist(), table.features) == (X, ("x0", "x1"))
    assert (table.target.name, table.target.classes) == ("y", ("x", "y"))


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_archive_with_a_target_of_another_name(tmp_path, shape):
    np.savez(tmp_path / "t.npz", X=X, y=[0, 0, 1], z=np.reshape([0.5, 1, 2], shape))
    table = read_table(tmp_path / "t.npz", "z")
    assert (table.target.task, table.target.values.tolist()) == ("regression", [0.5, 1, 2])


def test_archive_is_not_executed(tmp_path):
    np.savez(tmp_path / "t.npz", X=np.array([[{}]], dtype=object))
    with pytest.raises(ValueError, match=r"t.npz: expected arrays written by numpy.savez"):
        read_table(tmp_path / "t.npz")


@pytest.mark.parametrize("compress", [False, True])
def test_images(tmp_path, compress):
    images = np.arange(3 * 2 * 2, dtype=np.uint8).reshape(3, 2, 2)
    files = {
        "a-images-idx3-ubyte": b"\0\0\x08\x03" + np.array([3, 2, 2], ">u4").tobytes(),
        "a-labels-idx1-ubyte": b"\0\0\x08\x01" + np.array([3], ">u4").tobytes() + bytes([4, 7, 4]),
    }
    files["a-images-idx3-ubyte"] += images.tobytes()
    suffix = ".gz" if compress else ""
    for name, data in files.items():
        (tmp_path / (name + suffix)).write_bytes(gzip.compress(data) if compress else data)
    path, labels = (tmp_path / (name + suffix) for name in files)
    table = read_table(path, str(labels))
    assert table.X.tolist() == images.reshape(3, 4).tolist()
    assert table.features == ("x0", "x1", "x2", "x3")
    assert (table.target.name, table.target.classes) == ("label", (4, 7))
    check_varied(path, table)


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="NOT TESTED: Parquet (pip install pyarrow)")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {"a": [1, -300, 0], "b": [2.5, 4.0, 0.5], "kind": ["x", "y", "x"]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet", "kind")
    assert (table.X.tolist(), table.features) == (X, ("a", "b"))
    assert table.target.classes == ("x", "y")
    columns |= {"a": [1, None, 0], "flag": [True, False, True]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=r"column 'a', row 2: the cell is empty; leave the column"):
        read_table(tmp_path / "t.parquet", "kind")
    table = read_table(tmp_path / "t.parquet", "flag", ignore=["a", "kind"])
    assert table.target.classes == ("False", "True")


@pytest.mark.parametrize("cells", [[[1], [2]], [[1], [2, 3]], [{"c": 1}, {"c": 2}]])
def test_parquet_with_cells_that_are_no_numbers(tmp_path, cells):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"b": cells, "kind": ["x", "y"]}), tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=r"column 'b', row 1: expected a finite number, got"):
        read_table(tmp_path / "t.parquet", "kind")


@pytest.fixture
def write_parquet(tmp_path):
    """Return a function that writes a column beside a number and a kind."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    def write(column, name="c"):
        path = tmp_path / "t.parquet"
        columns = {"a": [1.0, 2.0], name: column(pyarrow), "kind": ["x", "y"]}
        parquet.write_table(pyarrow.table(columns), path)
        return path

    return write


def integers(*values):
    return lambda pyarrow: pyarrow.array(values, pyarrow.int64())


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (lambda pa: integers(2**62, 0)(pa).cast(pa.timestamp("us")), "value out of range"),
        (lambda pa: integers(2**60 + 1, 0)(pa).cast(pa.timestamp("ns")), "2006-07-14 23:58:24.60"),
        (lambda pa: pa.array([0, 1], pa.int32()).cast(pa.date32()), "1970-01-01"),
        (lambda pa: pa.array([2**31 - 1, 0], pa.int32()).cast(pa.date32()), "value out of range"),
    ],
    ids=["late", "nanoseconds", "usual", "late-day"],
)
def test_parquet_with_times_that_python_cannot_hold(write_parquet, column, told):
    path = write_parquet(column)
    assert read_table(path, "kind", ignore=["c"]).X.tolist() == [[1], [2]]
    with pytest.raises(ValueError, match=rf"column 'c', row 1: .*got '.*{told}"):
        read_table(path, "kind")
    assert told in str(read_table(path, "c", task="classification", ignore=["kind"]).target.classes)


def no_text(pyarrow):
    """Return a column of text that is not UTF-8."""
    buffers = pyarrow.array([b"\xff\xfe", b"a"]).buffers()
    return pyarrow.Array.from_buffers(pyarrow.string(), 2, buffers)


@pytest.mark.parametrize(
    "column",
    [
        no_text,
        lambda pa: integers(2**40, 0)(pa).cast(pa.timestamp("us", "Nowhere/X")),
        lambda pa: integers(2**62, 0)(pa).cast(pa.duration("s")),
        lambda pa: pa.array([[2**60 + 1], [0]], pa.list_(pa.timestamp("ns"))),
    ],
    ids=["utf8", "zone", "duration", "nested"],
)
def test_parquet_with_columns_that_cannot_be_told(write_parquet, column):
    path = write_parquet(column)
    with pytest.raises(ValueError, match=r"t.parquet: column 'c': expected numbers or text \("):
        read_table(path, "kind", ignore=["c"])


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "t.parquet").write_text("")
    with pytest.raises(ImportError, match=re.escape('pip install "mgres[parquet]"')):
        read_table(tmp_path / "t.parquet", "kind")


def test_names_of_tables():
    for name in ("a.csv", "A.CSV", "b.tsv", "c.txt", "d.npz", "e.parquet", "f.pq", "g.idx"):
        assert is_table(name)
    for name in ("t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte.gz", "h.idx.gz"):
        assert is_table(name)
    for name in ("circles", "a.py", "a.xlsx", "index", "a.csv.gz"):
        assert not is_table(name)


# ---- targets ------------------------------------------------------------------------------------

GUESSES = [
    (["a", "b"], "classification", ("a", "b"), "text"),
    (["1", "b"], "classification", ("1", "b"), "text"),
    (["10", "9", "10"], "classification", (9, 10), "integers with 2 different values"),
    (["1.0", "2.0"], "classification", (1, 2), "integers with 2 different values"),
    (["1.5", "2"], "regression", (), "numbers that are not integers"),
    ([str(i) for i in range(20)], "classification", tuple(range(20)), "integers with 20"),
    ([str(i) for i in range(21)], "regression", (), "integers with 21 different values"),
    (np.array([True, False]), "classification", ("False", "True"), "truth values"),
    (np.array([1.0, 0.0]), "classification", (0, 1), "integers with 2 different values"),
    (np.array([1, -1], np.int8), "classification", (-1, 1), "integers with 2 different values"),
    (np.array([1e-3, 0.0], np.float32), "regression", (), "numbers that are not integers"),
]


def column(tmp_path, cells):
    cells = cells if isinstance(cells, np.ndarray) else np.array(cells, dtype=object)
    return Columns(tmp_path / "t", {"y": cells})


@pytest.mark.parametrize(("cells", "task", "classes", "reason"), GUESSES)
def test_what_a_target_is_taken_for(tmp_path, cells, task, classes, reason):
    target = read_target(column(tmp_path, cells), "y")
    assert (target.task, target.classes) == (task, classes)
    assert reason in target.reason
    if task == "classification":
        codes = encode(column(tmp_path, cells), "y", classes)
        assert target.values.tolist() == codes.tolist()
        assert sorted(set(codes)) == list(range(len(classes)))
    else:
        assert target.values.tolist() == [float(cell) for cell in cells]


def test_task_that_is_given(tmp_path):
    target = read_target(column(tmp_path, ["1", "0", "1"]), "y", "regression")
    assert (target.values.tolist(), target.classes, target.reason) == ([1, 0, 1], (), "")
    target = read_target(column(tmp_path, ["0.5", "2.5", "0.5"]), "y", "classification")
    assert (target.values.tolist(), target.classes) == ([0, 1, 0], ("0.5", "2.5"))
    with pytest.raises(ValueError, match=r"task: expected one of .*, got 'ranking'"):
        read_target(column(tmp_path, ["1"]), "y", "ranking")


def test_numbers_of_classes_are_those_of_the_labels_by_value(tmp_path):
    found = encode(column(tmp_path, ["1.0", "+2", "1", "10"]), "y", (1, 2, 10))
    assert found.tolist() == [0, 1, 0, 2]
    with pytest.raises(ValueError, match=r"column 'y', row 2: '3' is none of the model's classes"):
        encode(column(tmp_path, ["1", "3"]), "y", (1, 2))


def test_many_columns_are_not_all_listed(tmp_path):
    columns = Columns(tmp_path / "t", {f"c{i}": np.zeros(1) for i in range(300)})
    with pytest.raises(ValueError, match=r"c18, c19, \.\.\. \(300 in all\); did you mean 'c299'"):
        columns.find("C299")


def test_numbers_of_all_dtypes(tmp_path):
    for cells in (np.array([1, 2], np.uint8), np.array([1, 2], ">f4"), np.array(["1", "2"])):
        assert column(tmp_path, cells).numbers("y").tolist() == [1, 2]
