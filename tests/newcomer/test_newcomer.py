"""A newcomer's first hour, from a fresh clone to a run that goes on after it was killed.

Everything is done as the README says it, in a fresh environment, from outside: no line here imports
mgres.  Building from source takes a few minutes; where `tools/test.sh` has just built this very
commit, it names the wheel in MGRES_TEST_WHEEL, and that is installed instead.
"""

from __future__ import annotations

import csv
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import time
import zlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLOWERS = "flowers.csv"
TRAIN = f"train {FLOWERS} --target species --seed 1"
LONG = "--depth 128 --levels 4 --method V --max-cycles 60 --patience 1000 --checkpoint-cycles 5"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("git") is None, reason="git is missing: nothing to clone with"),
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout: nothing to clone"),
]


class Newcomer:
    """A clone, its environment, and a shell that knows nothing of the developer's."""

    def __init__(self, home: Path) -> None:
        self.clone = home / "mgres"
        self.home = home / "work"
        self.home.mkdir()
        developers = ("PYTHON", "MGRES", "VIRTUAL_ENV", "CMAKE", "COV", "PYTEST")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(developers)}

    def words(self, command: str) -> list[str]:
        """Return a command's words, mgres and python being those of the environment."""
        name, *rest = shlex.split(command)
        own = self.clone / ".venv" / "bin" / name
        return [str(own) if own.exists() else name, *rest]

    def run(self, command: str, cwd: Path | None = None) -> str:
        """Return what a command prints; it must succeed."""
        done = subprocess.run(
            self.words(command),
            cwd=cwd or self.home,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=1500,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def python(self, program: str) -> str:
        """Return what a Python program prints."""
        (self.home / "program.py").write_text(program, encoding="utf-8")
        return self.run("python program.py")


def write_flowers(path: Path) -> None:
    """Write a table as a newcomer has one: three kinds of flowers, two of them alike."""
    random.seed(0)
    means = {"daisy": (1.5, 0.2), "rose": (4.3, 1.3), "tulip": (5.0, 1.7)}
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["petal length", "petal width", "species"])
        for i in range(240):
            kind = [*means][i % 3]
            length, width = means[kind]
            table.writerow([random.gauss(length, 0.4), random.gauss(width, 0.2), kind])


def draw_bars(folder: Path) -> None:
    """Write PNG files of 10 x 8 grey pixels, 30 with a bar that stands, 30 with one that lies."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + checksum

    random.seed(1)
    size = (8).to_bytes(4, "big") + (10).to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    for i in range(60):
        pixels = [[random.randrange(60) for _ in range(8)] for _ in range(10)]
        at = random.randrange(1, 7)
        for j in range(1, 7):
            row, column = (j, at) if i % 2 else (at, j)
            pixels[row][column] = 250
        data = zlib.compress(b"".join(b"\0" + bytes(row) for row in pixels))
        file = folder / ("upright" if i % 2 else "level") / f"{i // 2}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        chunks = chunk(b"IHDR", size) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
        file.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory):
    """Follow the README's line: clone, environment, build from source, first network."""
    someone = Newcomer(tmp_path_factory.mktemp("newcomer"))
    someone.run(f"git clone --quiet {ROOT} {someone.clone}")
    readme = (someone.clone / "README.md").read_text(encoding="utf-8")
    line = readme.split("```sh\n", 1)[1].split("\n```", 1)[0]
    assert '".[' in line
    if built := os.environ.get("MGRES_TEST_WHEEL"):
        line = line.replace('".[', f'"{built}[')
    for command in line.split("&&"):
        someone.run(command.strip(), cwd=someone.clone)
    assert (someone.clone / "runs" / "circles" / "convergence.png").is_file()
    write_flowers(someone.home / FLOWERS)
    return someone


@pytest.fixture(scope="module")
def flowers(newcomer):
    """Train on the table."""
    newcomer.run(f"mgres {TRAIN} --out runs/flowers")
    return newcomer.home / "runs" / "flowers"


def test_a_run_is_a_folder(flowers):
    names = {path.name for path in flowers.iterdir()}
    assert names >= {
        "config.toml",
        "history.jsonl",
        "model.safetensors",
        "summary.json",
        "convergence.png",
    }
    summary = json.loads((flowers / "summary.json").read_text())
    assert summary["classes"] == ["daisy", "rose", "tulip"]
    assert summary["scores"]["validation"]["accuracy"] > 0.85


def test_evaluate_agrees_with_predict(newcomer, flowers):
    printed = json.loads(newcomer.run(f"mgres evaluate runs/flowers {FLOWERS} --json"))
    newcomer.run(f"mgres predict runs/flowers {FLOWERS} --out predicted.csv")
    with (newcomer.home / FLOWERS).open() as file:
        true = [row["species"] for row in csv.DictReader(file)]
    with (newcomer.home / "predicted.csv").open() as file:
        predicted = [row["species"] for row in csv.DictReader(file)]
    hits = sum(a == b for a, b in zip(true, predicted, strict=True))
    assert printed["accuracy"] == pytest.approx(hits / len(true))
    assert hits / len(true) > 0.85


def test_a_folder_of_pictures(newcomer):
    pictures = newcomer.home / "bars"
    draw_bars(pictures)
    newcomer.run("mgres train bars --beta 0.001 --out runs/bars")
    printed = json.loads(newcomer.run("mgres evaluate runs/bars bars --json"))
    assert printed["classes"] == ["level", "upright"]
    assert printed["accuracy"] > 0.9
    table = newcomer.run("mgres predict runs/bars bars/level bars/upright/0.png")
    rows = list(csv.DictReader(table.splitlines()))
    assert [*rows[0]] == ["file", "class", "probability"]
    hits = sum(row["class"] == Path(row["file"]).parent.name for row in rows)
    assert (len(rows), hits / len(rows) > 0.9) == (31, True)


def test_plots_of_ones_own(newcomer, flowers):
    newcomer.python(
        """
import matplotlib
matplotlib.use("Agg")
import mgres, mgres.plot
net, theta, *_ = mgres.load("runs/flowers/model.safetensors")
mgres.plot.weights((net, theta)).figure.savefig("weights.png")
"""
    )
    assert (newcomer.home / "weights.png").read_bytes().startswith(b"\x89PNG")


def test_a_saved_model_is_the_same_in_another_process(newcomer):
    train = """
import mgres
X, y, X_val, y_val = mgres.datasets.circles(seed=0)
f = mgres.ResNetObjective(mgres.ResNet(2, 3, 2, depth=128), X, y)
result = mgres.fit(f, validation=(X_val, y_val), target_accuracy=0.95, seed=0)
mgres.save("circles.safetensors", f.net, result.theta)
print(f.net.logits(result.theta, X_val).tobytes().hex())
"""
    load = """
import mgres
model = mgres.load("circles.safetensors")
X_val = mgres.datasets.circles(seed=0)[2]
print(model.net.logits(model.theta, X_val).tobytes().hex())
"""
    trained = newcomer.python(train)
    assert len(trained) > 100
    assert newcomer.python(load) == trained


def test_a_killed_run_goes_on_as_if_nothing_had_happened(newcomer):
    newcomer.run(f"mgres {TRAIN} {LONG} --out runs/whole")
    whole, killed = (newcomer.home / "runs" / name for name in ("whole", "killed"))
    history = killed / "history.jsonl"
    process = subprocess.Popen(
        newcomer.words(f"mgres {TRAIN} {LONG} --out runs/killed"),
        cwd=newcomer.home,
        env=newcomer.env,
        stdout=subprocess.DEVNULL,
    )
    while not history.is_file() or history.read_text().count("\n") < 20:
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (killed / "summary.json").exists()

    newcomer.run("mgres train --resume runs/killed")
    ours, theirs = (
        [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
        for folder in (killed, whole)
    )
    assert len(ours) == 61
    for record in (*ours, *theirs):
        del record["seconds"]
    assert ours == theirs
    assert (killed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
