"""Write the files that fuzzing starts from, and that the tests replay, into tests/corpus.

    python tools/corpus.py

There is a folder for each reader of tools/fuzz.py.  `good-*` have to be read; `bad-*` have to be
refused, most of them because an earlier version answered them by an error from inside or by too
much memory; `any-*` may be answered either way.  Files that are not written here stay: what
tools/fuzz.py has found is put there by hand.  Run this again when checkpoints have a new version.
"""

from __future__ import annotations

import gzip
import importlib.util
import io
import json
import struct
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import mgres
from mgres.files import read_tensors, write_tensors

FUZZ = Path(__file__).with_name("fuzz.py")


def load_fuzz() -> Any:
    """Return tools/fuzz.py, which is no package."""
    if "fuzz" not in sys.modules:
        found = importlib.util.spec_from_file_location("fuzz", FUZZ)
        assert found is not None
        assert found.loader is not None
        sys.modules["fuzz"] = importlib.util.module_from_spec(found)  # dataclasses look there
        found.loader.exec_module(sys.modules["fuzz"])
    return sys.modules["fuzz"]


# ---- tables --------------------------------------------------------------------------------------


def csv() -> dict[str, bytes]:
    """Return tables as text, with a column "kind"."""
    rows = [f"{i},{i / 4},{'xy'[i % 2]}" for i in range(6)]
    return {
        "good-mark-and-crlf": b"\xef\xbb\xbf" + "\r\n".join(["a,b,kind", *rows, ""]).encode(),
        "good-tabs": "\n".join(["a,b,kind", *rows]).replace(",", "\t").encode(),
        "good-lines-in-quotes": b'"a\n1","b ""c""",kind\n1,"2",x\n"3"," 4e-1 ","y\nz"\n5,6,x\n',
        "good-classes-of-numbers": b"a,kind\n1,0\n2,1\n3,0\n",
        "good-alphabets": "größe,kind\n1,ä\n2,λ\n3,ä\n".encode(),
        "bad-nul": b"a,kind\n1,x\n2\0,y\n",
        "bad-latin": "größe,kind\n1,ä\n2,x\n".encode("latin-1"),
        "bad-empty-cell": b"a,b,kind\n1,,x\n2,3,y\n",
        "bad-overflow": b"a,kind\n1e999,x\n2,y\n",
        "bad-nan": b"a,kind\nnan,x\n2,y\n",
        "bad-short-row": b"a,b,kind\n1,2,x\n3,y\n",
        "bad-name-twice": b"a,a,kind\n1,2,x\n3,4,y\n",
        "bad-open-quote": b'a,kind\n1,"x\n2,y\n',
        "bad-digits": b"a,kind\n" + b"9" * 5000 + b",x\n2,y\n",
        "bad-header-alone": b"a,b,kind\n",
        "bad-empty": b"",
    }


def npy(array: Any, **changes: Any) -> bytes:
    """Return the bytes of a .npy file, whose header may say something else."""
    file = io.BytesIO()
    facts = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_1_0(file, {**facts, **changes})
    return file.getvalue() + array.tobytes()


def archive(compression: int = zipfile.ZIP_STORED, **members: bytes) -> bytes:
    """Return an archive; names that end in _npy get the suffix."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, contents in members.items():
            facts = zipfile.ZipInfo(name.replace("_npy", ".npy"))  # without the time of day
            archive.writestr(facts, contents, compression)
    return file.getvalue()


def npz() -> dict[str, bytes]:
    """Return archives of arrays."""
    X, y = np.arange(12.0).reshape(6, 2), np.arange(6) % 2
    stored = archive(X_npy=npy(X), y_npy=npy(y))
    size = len(npy(X)).to_bytes(4, "little")
    columns = np.array([(1.0, 2), (3.0, 4)], dtype=[("a", "f8"), ("b", "i4")])
    objects = io.BytesIO()
    np.save(objects, np.array([{}, []], dtype=object), allow_pickle=True)
    zeros = archive(
        zipfile.ZIP_DEFLATED, X_npy=npy(X), y_npy=npy(y), junk_npy=npy(np.zeros(5 * 10**5))
    )
    return {
        "good-packed": archive(zipfile.ZIP_DEFLATED, X_npy=npy(X), y_npy=npy(y[:, None])),
        "good-texts": archive(X_npy=npy(X.astype(">f4")), y_npy=npy(np.array(list("ababba")))),
        "good-columns-first": archive(X_npy=npy(X, fortran_order=True), y_npy=npy(y)),
        "good-unused-zeros": zeros,
        "bad-no-array": archive(X=b"no array", y_npy=npy(y)),
        "bad-empty-array": archive(X_npy=b"", y_npy=npy(y)),
        "bad-huge": archive(X_npy=npy(X, shape=(2**40, 2)), y_npy=npy(y)),
        "bad-overflow": archive(X_npy=npy(X, shape=(2**80, 2)), y_npy=npy(y)),
        "bad-row-too-many": archive(X_npy=npy(X, shape=(7, 2)), y_npy=npy(y)),
        "bad-lengths": stored.replace(size * 2, (2**32 - 2).to_bytes(4, "little") * 2),
        "bad-dtype": archive(X_npy=npy(X, descr="|O"), y_npy=npy(y)),
        "bad-objects": archive(X_npy=objects.getvalue(), y_npy=npy(y)),
        "bad-records": archive(X_npy=npy(columns), y_npy=npy(y[:2])),
        "bad-complex": archive(X_npy=npy(X * 1j), y_npy=npy(y)),
        "bad-array-alone": npy(X),
        "bad-archive-alone": archive(),
    }


def idx() -> dict[str, bytes]:
    """Return arrays as idx, plain and packed."""

    def header(kind: int, *shape: int) -> bytes:
        sizes = (size.to_bytes(4, "big") for size in shape)
        return bytes([0, 0, kind, len(shape)]) + b"".join(sizes)

    images = header(8, 2, 2, 3) + bytes(range(12))
    packed = gzip.compress(images, mtime=0)
    return {
        "good-signed": header(9, 4) + bytes([0, 127, 128, 255]),
        "good-shorts": header(11, 2) + bytes([0, 1, 255, 254]),
        "good-ints": header(12, 1, 2) + bytes([0, 0, 0, 1, 255, 255, 255, 254]),
        "good-floats": header(13, 2) + np.array([0.5, -2], ">f4").tobytes(),
        "good-doubles": header(14, 2) + np.array([0.1, np.nan], ">f8").tobytes(),
        "good-none": header(8, 0, 3),
        "good-two-streams": gzip.compress(images[:10], mtime=0)
        + gzip.compress(images[10:], mtime=0),
        "bad-empty": b"",
        "bad-kind": header(10, 0),
        "bad-no-dimensions": header(8) + b"\0\0",
        "bad-huge": header(8, *[2**32 - 1] * 3),
        "bad-huge-beside-none": header(8, 0, *[2**32 - 1] * 3),
        "bad-dimensions": header(8, *[0] * 255),
        "bad-half": images[:-5],
        "bad-more": images + b"x",
        "bad-packed-half": packed[:-9],
        "bad-packed-checksum": packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:],
        "bad-packed-more": packed + b"garbage",
        "bad-packed-zeros": gzip.compress(header(8, 10) + bytes(4 << 20), mtime=0),
    }


def images() -> dict[str, bytes]:
    """Return archives of images."""
    pixels, y = np.arange(60).astype("u1").reshape(4, 5, 3), np.arange(4) % 2
    colours = np.arange(240).astype("u1").reshape(4, 5, 4, 3)
    return {
        "good-keras": archive(
            x_train_npy=npy(pixels),
            y_train_npy=npy(y[:, None]),
            x_test_npy=npy(pixels),
            y_test_npy=npy(y),
        ),
        "good-first": archive(X_npy=npy(np.moveaxis(colours, 3, 1)), y_npy=npy(y)),
        "good-shares": archive(X_npy=npy(pixels / 255), y_npy=npy(np.array(list("abab")))),
        "bad-white": archive(X_npy=npy(pixels * 1.0), y_npy=npy(y)),
        "bad-nan": archive(X_npy=npy(np.full((4, 5, 3), np.nan)), y_npy=npy(y)),
        "bad-none": archive(X_npy=npy(pixels[:, :0]), y_npy=npy(y)),
        "bad-labels": archive(X_npy=npy(pixels), y_npy=npy(y + 0.5)),
        "bad-no-labels": archive(X_npy=npy(pixels)),
        "bad-complex": archive(X_npy=npy(pixels * 1j), y_npy=npy(y)),
        "bad-dimensions": archive(X_npy=npy(pixels[None, None]), y_npy=npy(y)),
        "bad-not-packed": archive(X_npy=npy(pixels), y_npy=npy(y))[:-30],
    }


def pictures() -> dict[str, bytes]:
    """Return pictures of several formats, whole and damaged; all are called PNG."""
    from PIL import Image

    pixels = np.arange(96).astype("u1").reshape(8, 4, 3)

    def file(format: str, array: Any = pixels, **options: Any) -> bytes:
        sink = io.BytesIO()
        Image.fromarray(array).save(sink, format, **options)
        return sink.getvalue()

    def claimed(data: bytes, at: int, width: int) -> bytes:
        """Return a picture that claims another width, its checksum being right."""
        changed = data[:at] + width.to_bytes(4, "big") + data[at + 4 :]
        checksum = zlib.crc32(changed[12:29]).to_bytes(4, "big")
        return changed[:29] + checksum + changed[33:]

    def tall(data: bytes) -> bytes:
        """Return a TIFF file that claims 400 rows, of which it has 8 (tag 257)."""
        for kind in (3, 4):
            entry = struct.pack("<HHLL", 257, kind, 1, 8)
            data = data.replace(entry, struct.pack("<HHLL", 257, kind, 1, 400))
        return data

    exif = Image.Exif()
    exif[274] = 6
    png = file("PNG")
    turned = file("JPEG", exif=exif)
    return {
        "good": png,
        "good-wide": file("PNG", (257 * pixels[..., 0].astype("u2"))),
        "good-turned": turned,
        "good-exif": turned.replace(b"\x01\x12\x00\x03", b"\x01\x12\x00\x0c"),
        "good-gif": file("GIF"),
        "good-tiff": file("TIFF", compression="tiff_lzw"),
        "good-webp": file("WEBP", lossless=True),
        "good-ascii": b"P2 2 2 255 0 1 2 3",
        "bad-empty": b"",
        "bad-half": png[: len(png) // 2],
        "bad-large": claimed(png, 16, 2**30),
        "bad-width": claimed(png, 16, 4000),
        "bad-eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
        "bad-float": file("TIFF", np.ones((3, 3), np.float32)),
        "bad-tiff": file("TIFF")[:-40],
        "bad-jpeg": turned[:200],
        "bad-strips": tall(file("TIFF")),
    }


def parquet() -> dict[str, bytes]:
    """Return tables with a column "kind" and one, "c", of a type of Arrow."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def file(column: Any, **options: Any) -> bytes:
        sink = io.BytesIO()
        table = pa.table({"c": column, "kind": ["x", "y", "x"]})
        pq.write_table(table, sink, store_schema=options.pop("store_schema", True), **options)
        return sink.getvalue()

    def cast(numbers: list[int], kind: Any) -> Any:
        return pa.array(numbers, pa.int64()).cast(kind)

    no_text = pa.array([b"\xff\xfe", b"a", b"b"]).buffers()
    day = pa.array([2**31 - 1, 0, 1], pa.int32()).cast(pa.date32())
    nested = pa.array([[2**60 + 1], [0], []], pa.list_(pa.timestamp("ns")))
    whole = file([1.5, 2.5, 3.5], compression="none")
    return {
        "good-decimals": file(pa.array(["1.5", "2", "3"]).cast(pa.decimal128(20, 2))),
        "any-halves": file(pa.array(np.array([1, 2, 3], "f2"))),  # from pyarrow 15
        "good-dictionary": file(pa.array(["1", "2", "1"]).dictionary_encode()),
        "good-booleans": file([True, False, True], compression="gzip"),
        "good-unsigned": file(pa.array([2**64 - 1, 0, 1], pa.uint64())),
        "bad-nulls": file(pa.nulls(3)),
        "bad-nanoseconds": file(cast([2**60 + 1, 0, 1], pa.timestamp("ns"))),
        "bad-late": file(cast([2**62, 0, 1], pa.timestamp("us"))),
        "bad-late-day": file(day),
        "bad-duration": file(cast([2**62, 0, 1], pa.duration("s"))),
        "bad-zone": file(cast([2**40, 0, 1], pa.timestamp("us", "Nowhere/X"))),
        "bad-nested-nanoseconds": file(nested),
        "bad-text": file(pa.Array.from_buffers(pa.string(), 3, no_text)),
        "bad-lists": file([[1], [2, 3], []], store_schema=False),
        "bad-records": file([{"a": 1}, {"a": None}, None], store_schema=False),
        "bad-maps": file(pa.array([[("a", 1)], [], None], pa.map_(pa.string(), pa.int32()))),
        "bad-half": whole[: len(whole) // 2],
        "bad-marks-alone": b"PAR1PAR1",
    }


# ---- networks and checkpoints --------------------------------------------------------------------


def header_alone(header: bytes) -> bytes:
    """Return a file of the safetensors layout without arrays."""
    return len(header).to_bytes(8, "little") + header


def model(folder: Path) -> dict[str, bytes]:
    """Return networks, one of the first version, and headers that lie."""
    net = mgres.ResNet(1, 2, 1, 3, dtype="float64", activation="smooth_relu")
    mgres.save(
        folder / "m",
        net,
        net.init(0),
        notes={"classes": '["a", "b"]'},
        extra={"mean": np.ones(2), "seen": np.array([True, False]), "none": np.zeros((0, 3), "i1")},
    )
    arrays, metadata = read_tensors(folder / "m")

    def changed(**changes: Any) -> bytes:
        settings = {**json.loads(metadata["net"]), **changes}
        write_tensors(folder / "changed", arrays, {**metadata, "net": json.dumps(settings)})
        return (folder / "changed").read_bytes()

    entry = {"dtype": "F32", "shape": [0, 2**70], "data_offsets": [0, 0]}
    return {
        "good-extra": (folder / "m").read_bytes(),
        "good-first-version": (
            FUZZ.parents[1] / "tests" / "files" / "version1.safetensors"
        ).read_bytes(),
        "bad-depth": changed(depth=2**62),
        "bad-width": changed(width=2**70),
        "bad-time": changed(final_time=float("nan")),
        "bad-dtype": changed(dtype="|O"),
        "bad-true": changed(depth=True),
        "bad-list": changed(activation=["relu"]),
        "bad-huge-beside-none": header_alone(json.dumps({"a": entry}).encode()),
        "bad-brackets": header_alone(b"[" * 5000),
        "bad-objects": header_alone(b'{"x": ' * 1500),
        "bad-digits": header_alone(b'{"x": ' + b"9" * 5000 + b"}"),
        "bad-not-utf8": header_alone(b'{"\xff": 1}'),
        "bad-list-alone": header_alone(b"[]"),
        "bad-length": (2**63).to_bytes(8, "little") + b"{}",
        "bad-empty": b"",
    }


def attributes(state: Any, kind: str) -> list[dict[str, Any]]:
    """Return the attributes of all objects of a class in a state as JSON."""
    found = []
    if isinstance(state, dict):
        if state.get("object") == kind:
            found.append(state["attributes"])
        state = [*state.values()]
    if isinstance(state, list):
        for item in state:
            found += attributes(item, kind)
    return found


def put(kind: str, name: str, value: Any) -> Callable[[Any], None]:
    """Return what gives all objects of a class another attribute."""

    def change(state: Any) -> None:
        objects = attributes(state, kind)
        assert objects
        for found in objects:
            assert name in found
            found[name] = value

    return change


def put_entry(*names: str, value: Any) -> Callable[[Any], None]:
    """Return what gives a dictionary within dictionaries another entry."""

    def change(state: Any) -> None:
        *above, last = names
        for name in above:
            state = dict(state["dict"])[name]
        next(pair for pair in state["dict"] if pair[0] == last)[1] = value

    return change


OTHER = {"object": "Count", "attributes": {"steps": 1}}
STATES: dict[str, tuple[str, Callable[[Any], None]]] = {
    "optimizer-of-none": ("adam", put("LevelState", "optimizer", None)),
    "scalar": ("adam", put("AdamState", "steps", {"scalar": 300, "dtype": "int8"})),
    "generator": ("adam", put_entry("batches", "order", "random", "uinteger", value=-1)),
    "boolean": ("verified", put_entry("batches", "inner", "cycles", value=True)),
    "pairs": ("trust", put("LBFGSState", "pairs", {"deque": [], "maxlen": 2**70})),
    "level": ("cascade", put("NestedState", "level", -1)),
}
"""States that were taken, or that failed late or from inside, on some earlier version."""


def checkpoint(folder: Path) -> dict[str, bytes]:
    """Return checkpoints whose state does not fit, and one that does."""
    fuzz = load_fuzz()
    f = fuzz.objective()
    found = {}
    for name, settings in fuzz.RUNS.items():
        place = folder / name
        mgres.fit(
            f, max_cycles=2, seed=1, checkpoint=mgres.Checkpoint(place, keep=1), **settings(f)
        )
        (path,) = place.glob("*.safetensors")
        if name == "cascade":
            found["good-cascade"] = path.read_bytes()
        arrays, metadata = read_tensors(path)
        for title in (title for title, (run, _) in STATES.items() if run == name):
            state = json.loads(metadata["state"])
            STATES[title][1](state)
            write_tensors(path, arrays, {**metadata, "state": json.dumps(state)})
            found[f"bad-{title}"] = path.read_bytes()
    return found


def records(folder: Path) -> dict[str, bytes]:
    """Return checkpoints of which no more than the history is read."""
    fuzz = load_fuzz()
    mgres.fit(
        fuzz.objective(), max_cycles=1, seed=1, levels=2, checkpoint=mgres.Checkpoint(folder / "r")
    )
    (path,) = (folder / "r").glob("*.safetensors")
    arrays, metadata = read_tensors(path)
    short = {**metadata, "state": "{}", "settings": "{}"}

    def with_history(text: bytes) -> bytes:
        write_tensors(path, {"history": np.frombuffer(text, np.uint8)}, short)
        return path.read_bytes()

    return {
        "good": with_history(arrays["history"].tobytes()),
        "bad-none": with_history(b""),
        "bad-list": with_history(b"[]"),
        "bad-brackets": with_history(b"[" * 5000),
        "bad-digits": with_history(b"9" * 5000),
        "bad-object": with_history(json.dumps(OTHER).encode()),
        "bad-not-utf8": with_history(b'{"\xff": 1}'),
    }


# ---- text ----------------------------------------------------------------------------------------


def config() -> dict[str, bytes]:
    """Return configurations."""
    return {
        "good-all-kinds": b'data = "a b.csv"\nschedule = "[(1), 1, {2}]"\nlearning_rate = 1e-3\n'
        b'quiet = true\nignore = ["a", "b"] # c\n',
        "bad-table": b"[data]\ndepth = 3\n",
        "bad-brackets": b"depth = " + b"[" * 3000,
        "bad-closed-brackets": b"depth = " + b"[" * 1500 + b"]" * 1500,
        "bad-dots": b"a" + b".a" * 1500 + b" = 1\n",
        "bad-digits": b"depth = " + b"9" * 5000 + b"\n",
        "bad-infinite": b"max_minutes = inf\n",
        "bad-nan": b"learning_rate = nan\n",
        "bad-true": b"depth = true\n",
        "bad-date": b"depth = 1979-05-27T07:32:00Z\n",
        "bad-twice": b"depth = 1\ndepth = 2\n",
        "bad-not-utf8": b'data = "\xff"\n',
        "bad-nul": b'data = "\0"\n',
    }


def history() -> dict[str, bytes]:
    """Return histories as tables."""
    names = b"cycle,epoch,loss,accuracy,work_units,seconds,level"
    return {
        "good-older": names + b"\n1,0,0.5,,2.0,0.1,0\n",
        "good-infinite": names + b",finest\n1,0,inf,0.5,2.0,0.1,1,1e-300\n",
        "bad-nul": names + b"\n1,0,0.5\0,,2.0,0.1,0\n",
        "bad-digits": names + b"\n" + b"9" * 5000 + b",0,0.5,,2.0,0.1,0\n",
        "bad-short": names + b"\n1,0,0.5\n",
        "bad-fraction": names + b"\n0.5,0,0.5,,2.0,0.1,0\n",
        "bad-not-utf8": names + b"\n1,0,\xff,,2.0,0.1,0\n",
        "bad-names": b"a,b\n1,2\n",
        "bad-empty": b"",
    }


def lines(folder: Path) -> dict[str, bytes]:
    """Return histories as lines of JSON."""
    record = mgres.training.Record(1, 0, 0.5, None, 2.0, 0.1, level=1, finest=0.25)
    mgres.History([record]).save(folder / "h.jsonl")
    good = (folder / "h.jsonl").read_bytes()
    return {
        "good": good * 2,
        "any-empty": b"",
        "bad-half": good + good[:20],
        "bad-list": b"[]\n",
        "bad-none": b"{}\n",
        "bad-corrections": b'{"corrections": 1}\n',
        "bad-brackets": b"[" * 5000,
        "bad-digits": good.replace(b"0.5", b"9" * 5000),
        "bad-not-utf8": b'{"\xff": 1}\n',
        "bad-surrogate": b'{"\\ud800": 1}\n',
    }


def main() -> None:
    """Write all files."""
    fuzz = load_fuzz()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = {
            "csv": csv(),
            "npz": npz(),
            "idx": idx(),
            "images": images(),
            "pictures": pictures(),
            "parquet": parquet(),
            "model": model(folder),
            "checkpoint": checkpoint(folder),
            "records": records(folder),
            "config": config(),
            "history": history(),
            "lines": lines(folder),
        }
        (folder / "readers").mkdir()
        suffixes = {name: r.suffix for name, r in fuzz.readers(folder / "readers").items()}
    for reader, files in made.items():
        place = fuzz.CORPUS / reader
        place.mkdir(parents=True, exist_ok=True)
        for title, contents in files.items():
            (place / f"{title}{suffixes[reader]}").write_bytes(contents)
        size = sum(map(len, files.values()))
        print(f"{reader}: {len(files)} files, {size / 1000:.1f} kB")


if __name__ == "__main__":
    main()
