"""Damaged files raise what is documented and never something from inside."""

from __future__ import annotations

import copy
import io
import json
import random
import sys
import zipfile

import numpy as np
import pytest

import mgres
from mgres.datasets import columns, delimited, read_table
from mgres.files import FormatError, load, read_tensors, tensors, write_tensors
from mgres.runs import read_config
from mgres.training import History
from mgres.training.checkpoints import resume

X, Y, *_ = mgres.datasets.circles(3, 60, 40)


# ---- archives ------------------------------------------------------------------------------------


def npy(array, **changes):
    """Return the bytes of a .npy file, whose header may say something else."""
    file = io.BytesIO()
    facts = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_1_0(file, {**facts, **changes})
    return file.getvalue() + array.tobytes()


@pytest.fixture
def archive(tmp_path):
    def make(compression=zipfile.ZIP_STORED, **members):
        path = tmp_path / "t.npz"
        with zipfile.ZipFile(path, "w", compression) as file:
            for name, contents in members.items():
                file.writestr(name.replace("_npy", ".npy"), contents)
        return path

    return make


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    "members",
    [
        {"X": b"no array", "y_npy": npy(np.arange(3))},
        {"X_npy": b"no array", "y_npy": npy(np.arange(3))},
        {"X_npy": b"", "y_npy": npy(np.arange(3))},
        {"X_npy": npy(np.ones((3, 2))), "y": b"no array"},
        {"X_npy": npy(np.ones((3, 2)), shape=(2**40, 2)), "y_npy": npy(np.arange(3))},
        {"X_npy": npy(np.ones((3, 2)), shape=(2**80, 2)), "y_npy": npy(np.arange(3))},
        {"X_npy": npy(np.ones((3, 2)), shape=(4, 2)), "y_npy": npy(np.arange(3))},
        {"X_npy": npy(np.ones((3, 2))), "y_npy": npy(np.arange(3), shape=(2**62,))},
    ],
    ids=[
        "X-bytes",
        "X-no-npy",
        "X-empty",
        "y-bytes",
        "X-huge",
        "X-overflow",
        "X-one-row-more",
        "y-huge",
    ],
)
def test_members_that_are_no_arrays_or_promise_too_much(archive, members, compression):
    path = archive(compression, **members)
    with pytest.raises(ValueError, match=r"expected arrays written by numpy\.savez") as info:
        read_table(path)
    assert str(info.value).startswith(str(path))


def test_members_whose_length_is_a_lie(archive):
    path = archive(X_npy=npy(np.ones((3, 2)), shape=(2**24, 2)), y_npy=npy(np.arange(3)))
    contents = path.read_bytes()
    size, huge = len(npy(np.ones((3, 2)))).to_bytes(4, "little"), (2**32 - 2).to_bytes(4, "little")
    for lie in (huge * 2, size + huge):
        path.write_bytes(contents.replace(size * 2, lie))  # lengths packed and unpacked
        with pytest.raises(ValueError, match=r"X: \d+ bytes cannot hold 4294967294"):
            read_table(path)


def test_members_that_are_not_asked_for_are_not_read(archive):
    path = archive(
        X_npy=npy(np.ones((3, 2)) * [[1], [2], [3]]),
        y_npy=npy(np.array([0, 1, 1])),
        junk_npy=b"no array",
        note=b"x",
    )
    assert read_table(path).X.tolist() == [[1, 1], [2, 2], [3, 3]]
    with pytest.raises(ValueError, match=r"no array 'z' .* are X, y, junk, note"):
        read_table(path, "z")
    with pytest.raises(ValueError, match="expected arrays"):
        read_table(path, "junk")


def test_repeated_texts_of_an_archive_are_shared(tmp_path):
    np.savez(tmp_path / "t.npz", X=np.arange(6.0)[:, None], y=np.array(["long name", "b"] * 3))
    cells = mgres.datasets.table.read_columns(tmp_path / "t.npz").cells["y"]
    assert len({id(cell) for cell in cells}) == 2


# ---- configuration and histories -----------------------------------------------------------------


@pytest.mark.parametrize("text", ["depth = " + "[" * 3000, "depth = " + "[" * 3000 + "]" * 3000])
def test_deep_configurations(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"config\.toml: expected TOML"):
        read_config(path)


def test_deep_histories(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match="line 1: expected a record as JSON"):
        History.load(path)


# ---- headers of safetensors ----------------------------------------------------------------------


def write_header(path, header):
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    return path


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b" " * (tensors.LARGEST_HEADER + 1), "header of at most 8000000 bytes, got 8000001"),
        (b'{"a":[' + b"{}," * 500_000 + b"0]}", "at most 400000 strings, commas and brackets"),
        (b'{"a":[' + b'"",' * 500_000 + b"0]}", "at most 400000 strings, commas and brackets"),
        (b'{"a":[' + b"[" * 900_000 + b"]}", "at most 400000 strings, commas and brackets"),
        (b'{"a":[' + b"1," * 500_000 + b"0]}", "at most 400000 strings, commas and brackets"),
    ],
    ids=["long", "objects", "strings", "deep", "numbers"],
)
def test_large_headers_are_refused_before_they_are_parsed(tmp_path, monkeypatch, header, message):
    monkeypatch.setattr(json, "loads", lambda *args, **options: pytest.fail("parsed"))
    path = write_header(tmp_path / "m.safetensors", header)
    with pytest.raises(FormatError, match=message) as info:
        load(path)
    assert str(path) in str(info.value)


def test_what_could_not_be_read_again_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="metadata: expected a header of at most 8000000 bytes"):
        write_tensors(tmp_path / "f", {}, {"a": "x" * tensors.LARGEST_HEADER})
    many = {str(i): np.empty(0) for i in range(40_000)}
    with pytest.raises(ValueError, match="at most 400000 strings, commas and brackets"):
        write_tensors(tmp_path / "f", many, {})
    assert list(tmp_path.iterdir()) == []


def test_long_texts_and_many_arrays_are_read(tmp_path):
    names = json.dumps([f'the \\ "name" of column {i}' for i in range(100_000)])
    arrays = {f"state.{i}": np.empty(0) for i in range(20_000)}
    write_tensors(tmp_path / "f", arrays, {"note": names})
    found, metadata = read_tensors(tmp_path / "f")
    assert found.keys() == arrays.keys()
    assert metadata["note"] == names


# ---- checkpoints ---------------------------------------------------------------------------------


def v_cycle(levels, **options):
    return mgres.VCycle(mgres.Schedule.paper(levels), **options)


def adam(f):
    return {
        "hierarchy": mgres.resnet_hierarchy(f, 2, optimizer=mgres.Adam(0.01), metric="time"),
        "batch_size": 20,
    }


def trust(f):
    return {
        "hierarchy": mgres.resnet_hierarchy(f, 2, optimizer=mgres.LBFGS(memory=3)),
        "cycle": v_cycle(2, state="keep", trust=mgres.TrustRegion(0.05)),
    }


def lsr1(f):
    return {"hierarchy": mgres.resnet_hierarchy(f, 2, optimizer=mgres.LSR1(memory=3))}


RUNS = {
    "adam": adam,
    "trust": trust,
    "lsr1": lsr1,
    "recommended": lambda f: {},
    "fresh": lambda f: {"levels": 2, "batch_size": mgres.FreshCoarse(17)},
    "verified": lambda f: {
        "cycle": v_cycle(2, line_search=mgres.Armijo()),
        "batch_size": mgres.Verified(17),
    },
    "augmented": lambda f: {"levels": 2, "batch_size": mgres.Augmented(17, (1, 1, 2), (0, 1))},
}


def objective():
    return mgres.ResNetObjective(mgres.ResNet(2, 3, 2, 8), X, Y)


def run(name, cycles, **options):
    f = objective()
    return mgres.fit(f, max_cycles=cycles, seed=1, **RUNS[name](f), **options)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Return arrays and metadata of a checkpoint of each kind."""
    found = {}
    for name in RUNS:
        folder = tmp_path_factory.mktemp(name)
        run(name, 4, checkpoint=mgres.Checkpoint(folder))
        (path,) = folder.iterdir()
        found[name] = read_tensors(path)
    return found


def attributes(state, kind):
    """Yield the attributes of all objects of a class in a state as JSON."""
    if isinstance(state, dict):
        if state.get("object") == kind:
            yield state["attributes"]
        state = [*state.values()]
    if isinstance(state, list):
        for item in state:
            yield from attributes(item, kind)


def resume_changed(stored, tmp_path, name, change):
    arrays, metadata = stored[name]
    state = json.loads(metadata["state"])
    arrays = dict(arrays)
    change(state, arrays)
    path = tmp_path / "checkpoint-00000004.safetensors"
    write_tensors(path, arrays, {**metadata, "state": json.dumps(state)})
    return run(name, 6, resume=path)


def put(kind, attribute, value):
    def change(state, arrays):
        for found in attributes(state, kind):
            assert attribute in found
            found[attribute] = value

    return change


def put_batches(path, value):
    def change(state, arrays):
        batches = dict(state["dict"])["batches"]
        *inner, last = path
        for name in inner:
            batches = dict(batches["dict"])[name]
        pair = next(pair for pair in batches["dict"] if pair[0] == last)
        pair[1] = value

    return change


def put_entry(name, value):
    def change(state, arrays):
        next(pair for pair in state["dict"] if pair[0] == name)[1] = value

    return change


def shorten_arrays(state, arrays):
    for name in arrays:
        if name != "history" and arrays[name].ndim == 1 and arrays[name].size > 30:
            arrays[name] = arrays[name][:-1]


def widen_arrays(state, arrays):
    theta = dict(state["dict"])["theta"]["array"]
    for name in arrays.keys() - {"history", theta}:
        if arrays[name].dtype == np.float32:
            arrays[name] = arrays[name].astype(np.float64)


def empty_history(state, arrays):
    arrays["history"] = np.frombuffer(b"[]", np.uint8)


COUNT = {"object": "Count", "attributes": {"steps": 1}}
DAMAGE = [
    ("adam", put("CycleState", "levels", [])),
    ("adam", put("CycleState", "levels", {"tuple": []})),
    ("adam", put("CycleState", "levels", [COUNT, COUNT])),
    ("adam", put("LevelState", "optimizer", None)),
    ("adam", put("LevelState", "optimizer", COUNT)),
    ("adam", put("LevelState", "radius", "1")),
    ("adam", put("AdamState", "steps", "1")),
    ("adam", put("AdamState", "steps", 2**70)),
    ("adam", put("AdamState", "steps", {"scalar": 300, "dtype": "int8"})),
    ("adam", put("AdamState", "metric", {"reference": "objective.0"})),
    ("adam", put("AdamState", "metric", {"reference": "metric.1"})),
    ("adam", put("AdamState", "first_moment", 0.5)),
    ("adam", put("AdamState", "first_moment", {"array": "history"})),
    ("adam", shorten_arrays),
    ("adam", widen_arrays),
    ("adam", empty_history),
    ("adam", put_entry("start", None)),
    ("adam", put_entry("best", COUNT)),
    ("adam", put_entry("seconds", "1")),
    ("adam", put_entry("has_asked", 3)),
    ("adam", put_entry("work", {"dict": []})),
    ("adam", put_entry("work", {"dict": [["gradients", ["x", "y"]]]})),
    ("adam", put_batches(["cycles"], "1")),
    ("adam", put_batches(["cycles"], -1)),
    ("adam", put_batches(["indices"], {"array": "history"})),
    ("adam", put_batches(["order", "at"], 2**40)),
    ("adam", put_batches(["order", "random"], {"dict": []})),
    ("adam", put_batches(["order", "random", "uinteger"], -1)),
    ("adam", put_batches(["order", "random", "state", "inc"], -1)),
    ("fresh", put_batches(["fresh", "epochs"], None)),
    ("fresh", put_batches(["fresh", "order"], 5)),
    ("verified", put_batches(["inner", "cycles"], {"float": "nan"})),
    ("verified", put_batches(["random"], None)),
    ("augmented", put_batches(["inner", "cycles"], {"float": "nan"})),
    ("augmented", put_batches(["random"], None)),
    ("augmented", put_batches(["before"], "x")),
    ("trust", put("LBFGSState", "pairs", [])),
    ("trust", put("LBFGSState", "pairs", {"deque": [1, 2], "maxlen": 3})),
    ("trust", put("LBFGSState", "pairs", {"deque": [], "maxlen": 2**70})),
    ("trust", put("LBFGSState", "pairs", {"deque": [], "maxlen": 4})),
    ("trust", put("LevelState", "radius", -1.0)),
    ("trust", put("LevelState", "objective", {"reference": "objective.0"})),
    ("trust", shorten_arrays),
    ("lsr1", put("PairMemory", "capacity", -1)),
    ("lsr1", put("PairMemory", "s", [])),
    ("lsr1", put("PairMemory", "ss", None)),
    ("recommended", put("NestedState", "level", 7)),
    ("recommended", put("NestedState", "level", -1)),
    ("recommended", put("NestedState", "level", True)),
    ("recommended", put("NestedState", "inner", None)),
    ("recommended", put("NestedState", "rule", None)),
    ("recommended", put("NestedState", "rule", COUNT)),
    ("recommended", put("NestedState", "point", None)),
    ("recommended", put("SmoothingState", "optimizer", COUNT)),
    ("recommended", put("SmoothingState", "finest", {"reference": "objective.0"})),
    ("recommended", put("Pair", "curvature", 0)),
]


@pytest.mark.parametrize(("name", "change"), DAMAGE)
def test_a_state_that_does_not_fit_is_told_at_once(stored, tmp_path, name, change):
    with pytest.raises(FormatError, match=r"checkpoint-00000004.safetensors: does not fit"):
        resume_changed(stored, tmp_path, name, change)


@pytest.mark.parametrize("name", RUNS)
def test_a_state_that_fits_is_taken(stored, tmp_path, name):
    resumed = resume_changed(stored, tmp_path, name, lambda state, arrays: None)
    np.testing.assert_array_equal(resumed.theta, run(name, 6).theta)


VALUES = [
    None,
    True,
    "x",
    [],
    {},
    -1,
    2**70,
    {"float": "nan"},
    {"array": "history"},
    {"array": "state.1"},
    {"deque": [1], "maxlen": 2**70},
    {"reference": "objective.0"},
    {"reference": "metric.1"},
    COUNT,
    {"object": [], "attributes": {}},
]


def places(value, path=()):
    if path:
        yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


@pytest.mark.parametrize("name", RUNS)
def test_any_change_of_a_state_is_a_format_error_or_no_error(stored, tmp_path, name):
    draw = random.Random(name)

    def change(state, arrays):
        every = [*places(state)]
        *above, last = draw.choice(every)
        other = state
        for key in draw.choice(every):
            other = other[key]
        value = copy.deepcopy(draw.choice([*VALUES, other, other]))
        for key in above:
            state = state[key]
        state[last] = value

    refused = 0
    for _ in range(60):
        try:
            resume_changed(stored, tmp_path, name, change)
        except FormatError:
            refused += 1
        except mgres.DivergenceError:
            pass  # numbers may be anything
    assert refused > 30


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("late", [False, True])
def test_a_run_is_whole_after_a_failed_restore(stored, tmp_path, monkeypatch, name, late):
    """Whatever part fails, the run goes on as if nobody had tried to resume it."""
    expected = run(name, 3)
    resume_run, restore = resume.resume_run, mgres.mgopt.WorkUnits.restore
    failures = [TypeError("late")] if late else []

    def restore_or_fail(self, counts):
        if failures:
            raise failures.pop()
        restore(self, counts)

    def fail_and_go_on(source, run, batches, settings):
        arrays, metadata = stored[name]
        if not late:  # batches have been restored then
            metadata = {**metadata, "state": metadata["state"].replace("has_asked", "x")}
        path = tmp_path / "checkpoint-00000004.safetensors"
        write_tensors(path, arrays, metadata)
        with pytest.raises(FormatError, match="does not fit this run"):
            resume_run(path, run, batches, settings)
        return tmp_path

    # the very last thing that is restored
    monkeypatch.setattr(mgres.mgopt.WorkUnits, "restore", restore_or_fail)
    # by its name in sys.modules, as mgres.training.fit is the function
    monkeypatch.setattr(sys.modules["mgres.training.fit"], "resume_run", fail_and_go_on)
    found = run(name, 3, resume=tmp_path)
    np.testing.assert_array_equal(found.theta, expected.theta)
    assert found.history.column("loss") == expected.history.column("loss")
    assert found.work_units == expected.work_units


# ---- tables of text ------------------------------------------------------------------------------


@pytest.fixture(params=[(1024, 1 << 16), (3, 1), (4, 8)], ids=["usual", "small", "other"])
def parts(request, monkeypatch):
    """Read tables in parts so small that columns change from texts to numbers on the way."""
    enough, cells = request.param
    monkeypatch.setattr(columns, "ENOUGH", enough)
    monkeypatch.setattr(delimited, "CELLS", cells)


def table(rows):
    return "a,b,k\n" + "".join(",".join(row) + "\n" for row in rows)


ROWS = [(f"{i / 7:.3f}", f" {i}e-1", f"{i % 2}.0") for i in range(30)]


@pytest.mark.usefixtures("parts")
def test_parts_of_a_table_make_the_same_table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(table(ROWS))
    found = read_table(path, "k")
    assert found.X.tolist() == [[float(a), float(b)] for a, b, _ in ROWS]
    assert found.target.classes == (0, 1)
    assert found.target.values.tolist() == [i % 2 for i in range(30)]
    cells = delimited.read_delimited(path).cells
    assert {name: cells[name].tolist() for name in cells} == {
        name: [row[j].strip() for row in ROWS] for j, name in enumerate("abk")
    }
    quantity = read_table(path, "a")
    assert (quantity.target.task, quantity.target.values.tolist()) == (
        "regression",
        [float(a) for a, *_ in ROWS],
    )
    labels = read_table(path, "a", task="classification").target
    assert labels.classes == tuple(sorted(a for a, *_ in ROWS))  # as they are written


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("row", [0, 3, 20, 29])
@pytest.mark.parametrize("cell", ["", "x", "nan", "-inf", "1,5", "1e999"])
def test_bad_cells_are_named_wherever_they_are(tmp_path, row, cell):
    rows = [list(r) for r in ROWS]
    rows[row][0] = f'" {cell} "'
    (tmp_path / "t.csv").write_text(table(rows))
    with pytest.raises(ValueError, match=f"column 'a', row {row + 1}: ") as info:
        read_table(tmp_path / "t.csv", "k")
    assert ("the cell is empty" if cell == "" else f"got '{cell}'") in str(info.value)


@pytest.mark.usefixtures("parts")
def test_what_cannot_be_read_at_all_is_told_first(tmp_path):
    path = tmp_path / "t.csv"
    text = table(ROWS) + "1,2\n"
    for more, message in (
        (b"", "row 31: expected 3 cells, got 2"),
        (b'1,2,"x\n', "a quote that is never closed"),
        (b"1,2,\xff\n", f"UTF-8, which byte {len(text) + 4} is not"),
        (b'"\n\xe2\x82', f"UTF-8, which byte {len(text) + 2} is not"),
    ):
        path.write_bytes(text.encode() + more)
        with pytest.raises(ValueError, match=message):
            read_table(path, "k")


def test_a_table_that_changes_while_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(columns, "ENOUGH", 3)
    path = tmp_path / "t.csv"
    path.write_text(table(ROWS))
    cells = delimited.read_delimited(path).cells
    path.write_text(table(ROWS[:-1]))
    with pytest.raises(ValueError, match=r"t\.csv: was changed while it was read"):
        cells["a"]
    assert cells["k"].tolist() == [k for *_, k in ROWS]
