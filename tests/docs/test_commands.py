"""Every command of the documentation runs, long ones in a reduced form.

The commands of a page run one after the other in one folder, so that a later one finds what an
earlier one has written.  `LONG` says how a command is made short; what other programs do is in
`OTHERS`, with the test or workflow that runs it.  A command that is in no table fails.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import mgres
from mgres.cli import main, make_parser
from mgres.experiments import runs
from mgres.runs import SETUPS
from mgres.training.checkpoints.writer import Keeper

from .pages import ROOT, commands, mgres_commands, pages, read

LONG = {
    r"compare --problem \w+\.csv .*": "--quick --seeds 1 --methods recommended --depth 16",
    r"compare .*": "--problem spirals --quick --seeds 1 --methods recommended --depth 32",
    r"reproduce \w+ .*": "--problem circles --seeds 1 --quick",
    r"bench.*": "--width 4 --depth 64 --samples 64 --repeats 1",
    r"train mnist .*": "",  # only parsed: it needs files that cannot be had everywhere
}
"""Pattern -> options that replace those of the command, or "" for a command that is parsed only."""

QUICK = r"(train|evaluate|predict|check|info|completion)\b.*"
"""Commands that run as they are written."""

NEWCOMER = "tests/newcomer/test_newcomer.py"
OTHERS = {
    r"python3? -m venv .*": (NEWCOMER, "line.split"),  # the README's line, command by command
    r"(\.venv/bin/)?pip install .*": (NEWCOMER, "line.split"),
    r"bash tools/test\.sh": (".ci/run", "bash tools/test.sh"),
    r"python -m mgres\.experiments\.fine_phase .*": (
        "tests/experiments/test_fine_phase.py",
        "mgres.experiments.fine_phase",
    ),
    r"python bench/peers\.py.*": ("tests/test_bench_peers.py", "peers.py"),
    r"python bench/(blocks|depth|sparse)\.py.*": ("tests/test_bench_blocks.py", "depth.py"),
    r"python bench/cycle\.py.*": ("tests/test_bench_cycle.py", "cycle.py"),
    r"python bench/estimators\.py.*": ("tests/estimators/test_bench.py", "estimators.py"),
    r"python bench/torch_layer\.py.*": ("tests/torch_extra/test_bench.py", "torch_layer.py"),
    r"python tools/instructions\.py.*": ("tools/test.sh", "tools/instructions.py"),
    r"python -m sphinx .*": ("tools/test.sh", "-m sphinx"),
}
"""What is no command of mgres -> the file that runs it, reduced where it is long, and its words."""

WITH_COMMANDS = [page for page in pages() if mgres_commands(page)]


def reduced(words: list[str]) -> list[str] | None:
    """Return the arguments to run in the place of `words`, None for "parse only"."""
    line = " ".join(words)
    if any(re.match(r"[A-Z]+\b", word) for word in words):  # a form, such as --resume DIR
        return None
    for pattern, options in LONG.items():
        if re.fullmatch(pattern, line):
            return with_options(words, options.split()) if options else None
    if not re.fullmatch(QUICK, line):
        pytest.fail(f"mgres {line}: say in LONG or QUICK how it is tested")
    return words


def with_options(words: list[str], options: list[str]) -> list[str]:
    """Return `words` with the values of `options` in the place of their own."""
    kept = list(words)
    for name in [o for o in options if o.startswith("--")]:
        if name in kept:
            start = kept.index(name)
            stop = start + 1
            while stop < len(kept) and not kept[stop].startswith("--"):
                stop += 1
            del kept[start:stop]
    return kept + options


@pytest.fixture
def small(monkeypatch):
    """The paper's circles with fewer layers and samples."""
    setup = replace(
        SETUPS["circles"], depth=512, load=lambda seed: mgres.datasets.circles(seed, 300, 100)
    )
    monkeypatch.setitem(SETUPS, "circles", setup)
    runs._load.cache_clear()
    yield
    runs._load.cache_clear()


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=str)
def test_commands(page, folder, small, capsys, monkeypatch):
    if any("--out" in words and words[0] != "predict" for words in mgres_commands(page)):
        pytest.importorskip("matplotlib", reason="matplotlib is missing: runs would have no plots")
    done: set[tuple[str, ...]] = set()
    trained: dict[str, list[str]] = {}  # folder -> the command that made it
    for words in mgres_commands(page):
        assert make_parser().parse_args(words).run
        arguments = reduced(words)
        if arguments is None or tuple(arguments) in done:
            continue
        if "animals" in words:
            pytest.importorskip("PIL", reason="Pillow is missing: no pictures")
        if words[0] == "completion":
            pytest.importorskip("shtab", reason="shtab is missing: no completion")
        done.add(tuple(arguments))
        if "--resume" in arguments:
            interrupt(trained[arguments[arguments.index("--resume") + 1]], monkeypatch)
        elif arguments[0] == "train":
            trained[arguments[arguments.index("--out") + 1]] = arguments
        code = main([*arguments, "--threads", "1"])
        captured = capsys.readouterr()
        assert code == 0, f"mgres {' '.join(arguments)}\n{captured.err}"
        assert_written(arguments)


def interrupt(arguments: list[str], monkeypatch) -> None:
    """Train again, and press Ctrl-C after three cycles, so that there is something to resume."""
    cycles = iter(range(3))

    def note(keeper: Keeper) -> None:
        original(keeper)
        if next(cycles, None) is None:
            raise KeyboardInterrupt

    original = Keeper.note
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "note", note)
        assert main([*arguments, "--overwrite", "--threads", "1"]) != 0


def assert_written(arguments: list[str]) -> None:
    """Check that there is something where the command's output should be."""
    if "--out" in arguments:
        out = Path(arguments[arguments.index("--out") + 1])
        assert out.stat().st_size > 0 if out.suffix else any(out.iterdir())


@pytest.mark.parametrize("page", [*pages(), "bench/README.md"], ids=str)
def test_other_commands_are_known(page):
    unknown = [
        " ".join(words)
        for words in commands(page)
        if Path(words[0]).name != "mgres"
        and not any(re.fullmatch(pattern, " ".join(words)) for pattern in OTHERS)
    ]
    assert not unknown, "say in OTHERS where these are run"


@pytest.mark.parametrize(("file", "words"), OTHERS.values())
def test_the_file_that_runs_another_command_names_it(file, words):
    assert words in read(file)


def test_scripts_that_are_named_exist():
    for page in [*pages(), "CONTRIBUTING.md", "bench/README.md"]:
        for words in commands(page):
            scripts = [w for w in words if re.fullmatch(r"[\w/]+\.(py|sh)", w) and "/" in w]
            assert all((ROOT / script).is_file() for script in scripts), words


def test_a_command_that_nobody_knows_is_found():
    with pytest.raises(pytest.fail.Exception, match="say in LONG or QUICK"):
        reduced(["dance", "--out", "runs/dance"])


def test_options_are_replaced():
    words = ["compare", "--problem", "a,b", "--seeds", "8", "--out", "runs/c"]
    assert with_options(words, ["--seeds", "1", "--quick"]) == [
        *("compare", "--problem", "a,b", "--out", "runs/c", "--seeds", "1", "--quick")
    ]


def test_the_script_does_what_main_does(folder):
    """One command as a process of its own, by the name that the pages use."""
    script = shutil.which("mgres", path=str(Path(sys.executable).parent))
    program = [script] if script else [sys.executable, "-m", "mgres"]
    done = subprocess.run(
        [*program, "info"], capture_output=True, text=True, timeout=60, check=True
    )
    assert mgres.__version__ in done.stdout
