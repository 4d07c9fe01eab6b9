"""Feed damaged files to every reader, and see that each answers as documented.

    python tools/fuzz.py [--seconds 60] [--seed 0] [--readers csv,model] [--keep FOLDER]

A reader gets files that were changed at random: bytes, numbers, tokens, pieces moved and cut off;
of safetensors files also single values of the header, with the checksum taken out.  It starts from
files that mgres writes at once and from those in tests/corpus/READER (see tools/corpus.py).  It may
read them or raise what its documentation says.  Anything else, more than 20 seconds, or 300 MB more
memory for a small file, is a fault; the file is kept, and the exit code is 1.  When the fault is
mended the file belongs into the corpus, which the tests replay.
"""

from __future__ import annotations

import argparse
import copy
import gzip
import json
import random
import re
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import mgres
from mgres.datasets import read_images, table
from mgres.datasets.idx import read_idx
from mgres.datasets.images import pictures, stored
from mgres.files import FormatError
from mgres.runs.options import read_config
from mgres.training.checkpoints.resume import stored_history

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

CORPUS = Path(__file__).resolve().parents[1] / "tests" / "corpus"
LONGEST = 20
MOST_KILOBYTES = 300_000
NUMBERS = [
    0,
    1,
    127,
    128,
    255,
    2**15,
    2**16 - 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**53,
    2**63,
    2**64 - 1,
]
TOKENS = [
    *(
        b"NaN",
        b"Infinity",
        b"-1",
        b"1e999",
        b"1e-400",
        b"null",
        b"true",
        b"[]",
        b"{}",
        b'""',
        b"\0",
    ),
    *(
        b"9" * 400,
        b"9" * 5000,
        b"[" * 3000,
        b'{"a":' * 3000,
        b'"\\ud800"',
        b"\xff\xfe",
        b"/dev/zero",
    ),
    *(b'{"float":"nan"}', b'{"object":"Record","attributes":{}}', b'{"scalar":300,"dtype":"int8"}'),
    *(b'{"deque":[],"maxlen":-1}', b'{"array":"x"}', b'{"scalar":1,"dtype":"O"}', b"../../x"),
]
VALUES: list[Any] = [
    *(None, True, "x", "", [], {}, 0, -1, 2**31, 2**63, 2**70, 1.5, 1e308, [2**40], [0, 2**70]),
    *({"float": "nan"}, {"array": "state.0"}, {"scalar": 2**70, "dtype": "int64"}, {"tuple": 5}),
    *({"dict": [[[], 1]]}, {"reference": "metric.0"}, {"object": [], "attributes": {}}, "a" * 1000),
]


@dataclass
class Reader:
    """What is fed: good files, what reads them, what it may raise, and the files of the corpus."""

    suffix: str
    good: list[bytes]
    read: Callable[[Path], Any]
    raises: tuple[type[Exception], ...]
    corpus: dict[str, bytes] = field(default_factory=dict)


class TooLong(BaseException):
    """A reader did not answer."""


# ---- damage --------------------------------------------------------------------------------------


def damaged(contents: bytes, rng: random.Random) -> bytes:
    """Return `contents` with one to eight changes."""
    if contents[8:9] == b"{" and rng.random() < 0.8:
        return damaged_header(contents, rng)
    data = bytearray(contents)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        _change(data, rng)
    return bytes(data)


def _change(data: bytearray, rng: random.Random) -> None:
    data = data or bytearray(1)
    if not data:
        data[:] = b"\0"
    i, j = rng.randrange(len(data)), rng.randrange(len(data))
    if rng.random() < 0.5:
        i = rng.randrange(min(len(data), 400))  # heads are worth more
    size = rng.choice([1, 2, 4, 8, 40, 1000])
    match rng.randrange(9):
        case 0:
            data[i] ^= 1 << rng.randrange(8)
        case 1:
            del data[i : i + size]
        case 2:
            data[i:i] = rng.randbytes(size)
        case 3:
            width = rng.choice([1, 2, 4, 8])
            number = rng.choice(NUMBERS) % 256**width
            data[i : i + width] = number.to_bytes(width, rng.choice(["little", "big"]))
        case 4:
            del data[i:]
        case 5:
            data[i:i] = data[j : j + size]
        case 6:
            data[i : i + rng.choice([0, 1, 3, 8])] = rng.choice(TOKENS)
        case _:
            found = list(re.finditer(rb'-?\d+(?:\.\d+)?|"[^"\n]{0,40}"', bytes(data[:20_000])))
            if found:
                at = rng.choice(found)
                number = str(rng.choice(NUMBERS)).encode()
                data[at.start() : at.end()] = rng.choice([*TOKENS, number])


def damaged_header(contents: bytes, rng: random.Random) -> bytes:
    """Return a safetensors file with other values in its header, which its checksum allows."""
    size = int.from_bytes(contents[:8], "little")
    rest = contents[8 + size :]
    try:
        header = json.loads(contents[8 : 8 + size])
        header.get("__metadata__", {}).pop("crc32", None)
    except (ValueError, AttributeError, RecursionError):  # damaged already, as in the corpus
        data = bytearray(contents)
        _change(data, rng)
        return bytes(data)
    for _ in range(rng.choice([1, 1, 2])):
        header = _other(header, rng)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + rest


def _other(tree: Any, rng: random.Random) -> Any:
    """Return a tree with one value replaced, also inside of texts that are JSON themselves."""
    places = list(_places(tree))
    if not places:
        return copy.deepcopy(rng.choice(VALUES))
    parent, key = rng.choice(places)
    value = parent[key]
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            parent[key] = json.dumps(_other(json.loads(value), rng))
            return tree
        except ValueError:
            pass
    if rng.random() < 0.2 and isinstance(parent, dict):
        del parent[key]
    elif rng.random() < 0.3:
        other, name = rng.choice(places)
        if name in other if isinstance(other, dict) else name < len(other):
            parent[key] = json.loads(json.dumps(other[name]))
    else:
        parent[key] = copy.deepcopy(rng.choice(VALUES))
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    keys: Any = ()
    if isinstance(tree, (dict, list)):
        keys = list(tree) if isinstance(tree, dict) else range(min(len(tree), 50))
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


# ---- readers -------------------------------------------------------------------------------------


def samples() -> tuple[Any, Any]:
    """Return 60 samples that are the same to the last bit everywhere, as stored checkpoints ask."""
    k = np.arange(60)
    X = np.stack([7 * k % 32 - 16, 11 * k % 32 - 16], axis=1) / np.float32(8)
    return X.astype(np.float32), (k % 3 == 0).astype(np.int64)


def objective() -> mgres.ResNetObjective:
    """Return what is trained for checkpoints."""
    return mgres.ResNetObjective(mgres.ResNet(2, 3, 2, 4), *samples())


RUNS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "cascade": lambda f: {},
    "batches": lambda f: {"batch_size": 20},
    "adam": lambda f: {
        "hierarchy": mgres.resnet_hierarchy(f, 2, optimizer=mgres.Adam(0.01), metric="time"),
        "batch_size": 20,
    },
    "trust": lambda f: {
        "hierarchy": mgres.resnet_hierarchy(f, 2, optimizer=mgres.LBFGS(memory=3)),
        "cycle": mgres.VCycle(mgres.Schedule.paper(2), state="keep", trust=mgres.TrustRegion(0.05)),
    },
    "verified": lambda f: {
        "cycle": mgres.VCycle(mgres.Schedule.paper(2), line_search=mgres.Armijo()),
        "batch_size": mgres.Verified(20),
    },
}
"""Runs whose checkpoints are read."""


def readers(folder: Path) -> dict[str, Reader]:
    """Return the readers, with files that mgres wrote itself, and those of the corpus."""
    X, y = samples()
    f = objective()
    mgres.save(folder / "model", f.net, f.net.init(0), notes={"a": "b"})
    checkpoints = []
    for name, settings in RUNS.items():
        place = mgres.Checkpoint(folder / name, keep=1)
        mgres.fit(f, max_cycles=3, seed=1, checkpoint=place, **settings(f))
        checkpoints += [path.read_bytes() for path in (folder / name).glob("*.safetensors")]
    result = mgres.fit(f, levels=2, max_cycles=5)
    result.history.to_csv(folder / "history.csv")
    result.history.save(folder / "history.jsonl")
    np.savez(folder / "table.npz", X=X, y=y)
    pixels = (16 * np.arange(48).reshape(4, 4, 3)).astype(np.uint8)
    np.savez(folder / "images.npz", x_train=pixels, y_train=y[:4], x_test=pixels, y_test=y[:4])
    rows = "\n".join(f"{a},{b},{'xy'[c]}" for (a, b), c in zip(X, y, strict=True))
    quoted = "\n".join(f'"{a}";"{b}";"k ""{c}"""' for (a, b), c in zip(X, y, strict=True))
    images = bytes([0, 0, 8, 3, *(0, 0, 0, 5), *(0, 0, 0, 2), *(0, 0, 0, 2), *range(20)])
    found = {
        "csv": Reader(
            ".csv",
            [f"a,b,kind\n{rows}\n".encode(), f"a;b;kind\n{quoted}\n".encode()],
            lambda path: table.read_table(path, "kind"),
            (ValueError, OSError),
        ),
        "npz": Reader(
            ".npz",
            [(folder / "table.npz").read_bytes()],
            lambda path: table.read_table(path, None),
            (ValueError, OSError),
        ),
        "images": Reader(
            ".npz", [(folder / "images.npz").read_bytes()], _images, (ValueError, OSError)
        ),
        "idx": Reader(
            "-idx3-ubyte",
            [images, gzip.compress(images)],
            read_idx,
            (ValueError, OSError),
        ),
        "model": Reader(
            ".safetensors", [(folder / "model").read_bytes()], mgres.load, (FormatError, OSError)
        ),
        "checkpoint": Reader(
            ".safetensors",
            checkpoints,
            lambda path: _resume(f, path),
            (FormatError, ValueError),
        ),
        "records": Reader(
            ".safetensors", checkpoints, lambda path: _records(path), (FormatError, ValueError)
        ),
        "config": Reader(
            ".toml",
            [b'data = "circles"\ndepth = 16\nignore = ["a", "b"]\nmax_minutes = 0.5\n'],
            read_config,
            (ValueError, OSError),
        ),
        "history": Reader(
            ".csv",
            [(folder / "history.csv").read_bytes()],
            mgres.History.from_csv,
            (ValueError, OSError),
        ),
        "lines": Reader(
            ".jsonl",
            [(folder / "history.jsonl").read_bytes()],
            mgres.History.load,
            (ValueError, OSError),
        ),
    }
    try:
        from PIL import Image
    except ImportError:
        print("pictures: skipped, Pillow is missing")
    else:
        files = []
        for suffix in ("png", "jpg", "gif", "tif", "bmp", "webp", "pgm"):
            Image.fromarray(pixels[..., 0]).save(folder / f"picture.{suffix}")
            files.append((folder / f"picture.{suffix}").read_bytes())
        found["pictures"] = Reader(".png", files, _picture, (ValueError, OSError))
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        print("parquet: skipped, pyarrow is missing")
    else:
        pq.write_table(pa.table({"a": X[:, 0], "b": X[:, 1], "kind": y}), folder / "t.parquet")
        found["parquet"] = Reader(
            ".parquet",
            [(folder / "t.parquet").read_bytes()],
            lambda path: table.read_table(path, "kind"),
            (ValueError, OSError),
        )
    for name, reader in found.items():
        files = sorted((CORPUS / name).glob("*"))
        reader.corpus = {path.name: path.read_bytes() for path in files}
    return found


def _images(path: Path) -> Any:
    """Read an archive of images as a command does: what it holds is asked first."""
    stored.holds_images(path)
    return read_images(path)


def _picture(path: Path) -> Any:
    return pictures.read_pictures([path], pictures.Wanted(), str(path))


def _alone(path: Path) -> Path:
    """Put a file where checkpoints lie."""
    folder = path.parent / "checkpoints"
    folder.mkdir(exist_ok=True)
    path.replace(folder / "checkpoint-00000003.safetensors")
    return folder


def _resume(f: Any, path: Path) -> None:
    """Go on with the first of the runs that says it can."""
    folder = _alone(path)
    for settings in RUNS.values():
        try:
            mgres.fit(f, max_cycles=4, seed=1, resume=folder, **settings(f))
            return
        except ValueError as error:
            if "belongs to another run" not in str(error):
                raise
    raise ValueError("a checkpoint of none of these runs")


def _records(path: Path) -> None:
    stored_history(_alone(path))


# ---- the hunt ------------------------------------------------------------------------------------


def hunt(
    name: str, reader: Reader, rng: random.Random, end: Callable[[int], bool], keep: Path
) -> int:
    """Feed one reader until the end; return the number of kinds of faults."""
    faults: set[str] = set()
    every = [*reader.good, *reader.corpus.values()]
    # every other file starts from one that is read, because what is refused early hides the rest
    readable = [contents for name, contents in reader.corpus.items() if not name.startswith("bad-")]
    readable += reader.good
    fed = read = 0
    with tempfile.TemporaryDirectory() as folder:
        while not end(fed):
            contents = damaged(rng.choice(readable if rng.random() < 0.5 else every), rng)
            path = Path(folder) / f"file{reader.suffix}"
            path.write_bytes(contents)
            fed += 1
            fault = judged(reader, path)
            read += fault == ""
            if fault and re.sub(r"\d+", "#", fault) not in faults:
                faults.add(re.sub(r"\d+", "#", fault))
                kept = keep / f"{name}-{len(faults)}{reader.suffix}"
                kept.write_bytes(contents)
                print(f"{name}: {fault}\n  {kept}", flush=True)
    print(f"{name}: {fed} files, {read} read, {len(faults)} kinds of faults", flush=True)
    return len(faults)


def judged(reader: Reader, path: Path) -> str | None:
    """Return "" if a file was read, None if it was refused, or else what is wrong."""
    before = _kilobytes()
    if hasattr(signal, "alarm"):
        handler = signal.signal(signal.SIGALRM, _too_long)
        signal.alarm(LONGEST)
    try:
        with np.errstate(all="ignore"):
            reader.read(path)
        fault: str | None = ""
    except reader.raises:
        fault = None
    except TooLong:
        fault = f"no answer in {LONGEST} s"
    except (Exception, RecursionError) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        fault = (
            f"{type(error).__name__}: {error!s:.100} ({Path(place.filename).name}:{place.lineno})"
        )
    finally:
        if hasattr(signal, "alarm"):
            signal.alarm(0)
            signal.signal(signal.SIGALRM, handler)
    grown = _kilobytes() - before
    return f"took {grown // 1000} MB" if grown > MOST_KILOBYTES else fault


def _too_long(number: int, frame: Any) -> None:
    raise TooLong


def _kilobytes() -> int:
    return 0 if resource is None else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, help="for each reader (default: 60)")
    parser.add_argument("--files", type=int, help="for each reader, instead of seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--readers", help="names, separated by commas (default: all)")
    parser.add_argument(
        "--keep", type=Path, default=Path("build/fuzz"), help="for files with faults"
    )
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    mgres.set_num_threads(1)
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_AS, (6 << 30, resource.RLIM_INFINITY))
    with tempfile.TemporaryDirectory() as folder:
        found = readers(Path(folder))
    names = options.readers.split(",") if options.readers else list(found)
    total = 0
    for name in names:
        rng = random.Random(f"{options.seed} {name}")
        start = time.monotonic()
        seconds = options.seconds or 60

        def end(fed: int, start: float = start, seconds: float = seconds) -> bool:
            if options.files is not None:
                return fed >= options.files
            return time.monotonic() - start > seconds

        total += hunt(name, found[name], rng, end, options.keep)
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
