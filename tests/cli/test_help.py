"""What the commands say of themselves."""

from __future__ import annotations

import re
import shlex

import pytest

import mgres
from mgres.cli import make_parser
from mgres.experiments import SETUPS

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
    assert set(SETUPS) == {"circles", "mnist", "digits"}
    for name in SETUPS:
        assert name in run("train", "--help")[1]
