"""What the commands say of themselves."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys

import pytest

import mgres
from mgres.cli import make_parser
from mgres.runs import SETUPS

COMMANDS = (
    "train",
    "evaluate",
    "predict",
    "compare",
    "reproduce",
    "check",
    "bench",
    "info",
    "completion",
)


EXAMPLES = re.compile(r"^(?:examples?:)? +mgres (.*)$", re.MULTILINE)
"""Lines after the last option, which is never called mgres."""


def test_help_names_the_commands(run):
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    for name in COMMANDS:
        assert re.search(rf"^    {name}\b", out, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_shows_an_example_that_parses(run, name):
    code, out, err = run(name, "--help")
    assert (code, err) == (0, "")
    examples = EXAMPLES.findall(out)
    assert examples
    for example in examples:
        arguments = shlex.split(example)
        assert arguments[0] == name
        assert make_parser().parse_args(arguments).run


@pytest.mark.parametrize("name", COMMANDS)
def test_help_explains_every_option(run, name):
    _, out, _ = run(name, "--help")
    options = out[out.index("options:") : out.index("example")]
    # an option without help would be followed by the next option or by nothing
    entries = re.split(r"\n  (?=-)", options)[1:]
    for entry in entries:
        text = re.sub(r"^(-\S+,? ?)+(\{[^}]*\}|[A-Z]+)?( \[[A-Z]+ \.\.\.\])?", "", entry)
        assert len(text.split()) >= 2, entry


def test_version(run):
    assert run("--version") == (0, f"mgres {mgres.__version__}\n", "")


def test_info(command):
    done = command("info")
    assert (done.returncode, done.stderr) == (0, "")
    facts = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert facts["mgres"] == mgres.__version__
    assert facts["threads"] == "1"
    assert set(facts) >= {"isa", "compiler", "eigen", "numpy", "python", "platform", "processor"}


def test_threads(run):
    code, out, _ = run("info", "--threads", "3")
    assert code == 0
    assert re.search(r"^threads +3$", out, re.MULTILINE)


def test_problems_of_the_commands(run):
    assert set(SETUPS) == {"circles", "circles-scaled", "mnist", "digits"}
    for name in SETUPS:
        assert name in run("train", "--help")[1]


def test_examples_of_help_run_one_after_the_other(run, mgres_ok, flowers, animals, tmp_path):
    for name in ("train", "evaluate", "predict"):
        for example in EXAMPLES.findall(run(name, "--help")[1]):
            if "--resume" in example:  # a run that is complete needs no resuming: stop one before
                line = "train flowers.csv --target kind --max-cycles 3 --overwrite"
                mgres_ok(f"{line} --out runs/flowers")
                assert not (tmp_path / "runs" / "flowers" / "predictions.csv").exists()
                example += " --max-cycles 1000"
            mgres_ok(example)
    assert len((tmp_path / "predictions.csv").read_text().splitlines()) == 61
    assert (tmp_path / "runs" / "levels" / "result.json").exists()


# ---- info, bench, completion --------------------------------------------------------------------


def test_info_in_json(mgres_ok):
    facts = json.loads(mgres_ok("info --json"))
    assert facts["isa"] in facts["isa_available"].split(", ")
    assert "OMP_NUM_THREADS 1" in facts["thread_limits"]
    assert facts["packages"]["matplotlib"]
    assert {"openmp", "isa_forced", "compiler", "eigen", "numpy"} <= set(facts)


def test_info_names_packages_that_are_missing(mgres_ok, monkeypatch):
    monkeypatch.setattr("mgres.info.PACKAGES", ("no-such-package",))
    assert mgres_ok("info").splitlines()[-1].split(maxsplit=1) == [
        "no-such-package",
        "not installed",
    ]


def test_bench(mgres_ok):
    line = "bench --width 3 5 --depth 16 --samples 20 --repeats 1"
    rows = json.loads(mgres_ok(f"{line} --json"))
    assert [(row["task"], row["width"]) for row in rows] == [
        ("gradient", 3),
        ("output", 3),
        ("gradient", 5),
        ("output", 5),
    ]
    for row in rows:
        assert (row["depth"], row["samples"], row["dtype"]) == (16, 20, "float32")
        assert row["share"] == pytest.approx(row["gflops"] / row["peak"])
    lines = mgres_ok(f"{line} --dtype float64").splitlines()
    assert lines[0].split()[:4] == ["task", "width", "depth", "samples"]
    assert len(lines) == 5


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(mgres_ok, shell):
    shtab = pytest.importorskip("shtab", reason="NOT TESTED: completion (pip install shtab)")
    if shell not in shtab.SUPPORTED_SHELLS:
        pytest.skip(f"this version of shtab knows no {shell}")
    script = mgres_ok(f"completion {shell}")
    for name in (*COMMANDS, "validation-fraction", "learning-rate", "projection"):
        assert name in script
    files = {"bash": "_shtab_compgen_files", "zsh": ":_files", "fish": "__fish_complete_path"}
    assert files[shell] in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="NOT TESTED: no bash here")
def test_completion_in_bash(mgres_ok, tmp_path):
    pytest.importorskip("shtab", reason="NOT TESTED: completion (pip install shtab)")
    (tmp_path / "mgres.bash").write_text(mgres_ok("completion bash"))
    program = (
        "source mgres.bash; COMP_WORDS=(mgres train --val); COMP_CWORD=2; "
        '_shtab_mgres mgres --val train; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["--validation-fraction"], done.stderr


def test_completion_without_shtab(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    code, out, err = run("completion", "bash")
    assert (code, out) == (2, "")
    assert err == 'mgres: error: completion needs shtab: pip install "mgres[completion]"\n'


def test_help_imports_no_package_that_is_optional():
    program = (
        "import sys, mgres.cli; mgres.cli.make_parser(); "
        "print([n for n in ('matplotlib', 'torch', 'scipy', 'sklearn', 'pyarrow', 'shtab', 'tqdm') "
        "if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"


def test_the_command_is_a_function_also_after_it_ran(run):
    """A module of the same name would take its place when it is first imported."""
    import mgres.cli

    assert run("info")[0] == 0
    assert callable(mgres.cli.main)
