"""Runs that are stopped and go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

LINE = ["train", "flowers.csv", "--target", "kind", "--width", "6", "--no-plots"]
METHODS = [
    ["--depth", "64"],
    ["--depth", "64", "--batch-size", "8", "--max-cycles", "200"],
    ["--depth", "64", "--method", "V", "--levels", "3", "--max-cycles", "60"],
]


def history(folder):
    records = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [{k: v for k, v in record.items() if k != "seconds"} for record in records]


def model(folder):
    return (folder / "model.safetensors").read_bytes()


def start(*arguments):
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from mgres.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    # a signal may arrive when a file has just been opened, before `with` knows it
    warnings = ["-W", "error", "-W", "ignore::ResourceWarning"]
    return subprocess.Popen(
        [sys.executable, *warnings, "-c", program, *arguments, "--threads", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path, lines):
    """Wait until a file has so many lines."""
    end = time.monotonic() + 60
    while not path.exists() or path.read_bytes().count(b"\n") < lines:
        assert time.monotonic() < end
        time.sleep(0.002)


def kill(process, folder, lines):
    """Kill a process when the history has so many lines; return how many whole ones it leaves."""
    path = folder / "history.jsonl"
    wait_for(path, lines)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (folder / "summary.json").exists()
    cycles = [json.loads(line)["cycle"] for line in path.read_bytes().splitlines()]
    assert cycles == list(range(len(cycles)))  # none lost, none twice
    return len(cycles)


@pytest.mark.parametrize("method", METHODS, ids=["recommended", "batches", "V"])
def test_killed_twice_and_resumed_is_as_if_never_killed(mgres_ok, flowers, tmp_path, method):
    mgres_ok(" ".join([*LINE, *method, "--out", "whole"]))
    process = start(*LINE, *method, "--checkpoint-cycles", "3", "--out", "o")
    lines = kill(process, tmp_path / "o", 8)
    with (tmp_path / "o" / "history.jsonl").open("ab") as file:
        file.write(b'{"cycle": 3}\n{"cyc')  # whatever a crash may leave
    kill(start("train", "--resume", "o"), tmp_path / "o", lines + 6)
    mgres_ok("train --resume o")
    assert model(tmp_path / "o") == model(tmp_path / "whole")
    assert history(tmp_path / "o") == history(tmp_path / "whole")


def test_killed_before_the_first_checkpoint(run, mgres_ok, flowers, tmp_path):
    mgres_ok(" ".join([*LINE, "--out", "whole"]))
    process = start(*LINE, "--checkpoint-minutes", "60", "--out", "o")
    wait_for(tmp_path / "o" / "history.jsonl", 5)
    process.kill()
    process.communicate()
    code, _, err = run("train", "--resume", "o")
    assert (code, err) == (0, "no checkpoint yet: starting again\n")
    assert history(tmp_path / "o") == history(tmp_path / "whole")


def test_torn_last_line_and_lines_beyond_the_checkpoint(run, mgres_ok, flowers, tmp_path):
    """What a crash may leave: a history that is ahead of the checkpoint and ends in half a line."""
    mgres_ok(" ".join([*LINE, "--max-cycles", "30", "--out", "whole"]))
    mgres_ok(" ".join([*LINE, "--max-cycles", "12", "--out", "o"]))
    path = tmp_path / "o" / "history.jsonl"
    whole = (tmp_path / "whole" / "history.jsonl").read_bytes()
    with path.open("ab") as file:
        file.write(b"".join(whole.splitlines(keepends=True)[13:17]))
        file.write(b'{"cycle": 17, "lo')
    code, _, err = run("train", "--resume", "o", "--max-cycles", "30")
    assert (code, err) == (0, "resuming after 12 cycles\n")
    assert history(tmp_path / "o") == history(tmp_path / "whole")
    assert model(tmp_path / "o") == model(tmp_path / "whole")


def test_history_is_written_as_training_goes_on(flowers, tmp_path):
    process = start(*LINE, "--method", "single", "--depth", "2048", "--out", "o")
    wait_for(tmp_path / "o" / "history.jsonl", 3)
    assert process.poll() is None
    process.kill()
    process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_keeps_the_last_cycle(run, mgres_ok, flowers, tmp_path):
    method = [
        "--method",
        "single",
        "--optimizer",
        "gd",
        "--learning-rate",
        "1e-6",
        "--depth",
        "512",
    ]
    limits = ["--patience", "100000", "--max-cycles", "100000"]
    process = start(*LINE, *method, *limits, "--out", "o")
    wait_for(tmp_path / "o" / "history.jsonl", 5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; the model is the best of the complete cycles" in out
    assert err == (
        "mgres: interrupted; the last complete cycle is kept; go on by `mgres train --resume o`\n"
    )
    cycles = len(history(tmp_path / "o")) - 1
    summary = json.loads((tmp_path / "o" / "summary.json").read_text())
    assert (summary["stopped"], summary["cycles"]) == ("interrupted", cycles)
    assert "accuracy" in mgres_ok("evaluate o flowers.csv")

    more = str(cycles + 3)
    code, _, err = run("train", "--resume", "o", "--max-cycles", more)
    assert (code, err) == (0, f"resuming after {cycles} cycles\n")
    assert [r["cycle"] for r in history(tmp_path / "o")] == list(range(cycles + 4))
    mgres_ok(" ".join([*LINE, *method, *limits, "--max-cycles", more, "--out", "whole"]))
    assert model(tmp_path / "o") == model(tmp_path / "whole")


def test_stalling_is_noticed_at_the_same_cycle(mgres_ok, flowers, tmp_path):
    """The rule that ends methods without one of their own has seen the cycles before the stop."""
    method = ["--method", "V", "--levels", "2", "--patience", "8"]
    mgres_ok(" ".join([*LINE, *method, "--out", "whole"]))
    cycles = len(history(tmp_path / "whole")) - 1
    assert json.loads((tmp_path / "whole" / "summary.json").read_text())["stopped"] == "stalled"
    mgres_ok(" ".join([*LINE, *method, "--max-cycles", str(cycles - 4), "--out", "o"]))
    mgres_ok("train --resume o --max-cycles 1000")
    assert history(tmp_path / "o") == history(tmp_path / "whole")


def test_limits_are_written_to_the_configuration(mgres_ok, flowers, tmp_path):
    mgres_ok(" ".join([*LINE, "--max-cycles", "5", "--out", "o"]))
    mgres_ok("train --resume o --max-cycles 9")
    assert "max_cycles = 9" in (tmp_path / "o" / "config.toml").read_text()
    mgres_ok("train --config o/config.toml --out again")
    assert model(tmp_path / "o") == model(tmp_path / "again")


def test_complete_run_is_not_resumed(run, mgres_ok, flowers, tmp_path):
    mgres_ok(" ".join([*LINE, "--target-loss", "1", "--out", "o"]))
    (tmp_path / "o" / "checkpoints").mkdir()
    code, _, err = run("train", "--resume", "o")
    assert code == 2
    assert err == (
        "mgres: error: --resume o: this run is complete; to do it again, take --config "
        "o/config.toml --out OTHER\n"
    )


def test_other_data_is_refused(run, mgres_ok, flowers):
    mgres_ok(" ".join([*LINE, "--max-cycles", "5", "--out", "o"]))
    flowers.write_text(flowers.read_text().replace("1", "2"))
    code, _, err = run("train", "--resume", "o", "--max-cycles", "9")
    assert code == 2
    assert "belongs to another run, by its samples" in err
