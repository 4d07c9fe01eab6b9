"""Every bad input: one line that says what to do, exit code 2, nothing written."""

from __future__ import annotations

import shlex
import subprocess
import sys

import numpy as np
import pytest

GOOD = "a,b,kind\n" + "".join(f"{i},{i * i % 7},{'xy'[i % 2]}\n" for i in range(12))

FILES = {
    "good.csv": GOOD,
    "numbers.csv": GOOD.replace("x\n", "0.5\n").replace("y\n", "1.25\n"),
    "empty.csv": "",
    "header.csv": "a,b,kind\n",
    "ragged.csv": GOOD + "1,2\n",
    "long.csv": GOOD + "1,2,x,4\n",
    "twice.csv": GOOD.replace("a,b,kind", "a,a,kind"),
    "unnamed.csv": GOOD.replace("a,b,kind", ",b,kind"),
    "text.csv": GOOD + "red,2,x\n",
    "comma.csv": GOOD.replace(",", ";") + "1,5;2;x\n",
    "hole.csv": GOOD + "1,,x\n",
    "nan.csv": GOOD + "nan,2,x\n",
    "infinite.csv": GOOD + "1,-inf,x\n",
    "large.csv": GOOD + "1,-1e200,x\n",
    "large-target.csv": GOOD.replace("x\n", "1e300\n").replace("y\n", "0.5\n"),
    "no-target.csv": GOOD + "1,2,\n",
    "constant.csv": "a,b,kind\n" + "".join(f"{i},3,{'xy'[i % 2]}\n" for i in range(12)),
    "single.csv": GOOD.replace("y\n", "x\n"),
    "same.csv": GOOD.replace("x\n", "2.5\n").replace("y\n", "2.5\n"),
    "only.csv": "kind\nx\ny\n",
    "quote.csv": GOOD + '"1,2,x\n',
    "one.csv": "a,kind\n1,x\n2,y\n",
    "data.xlsx": "PK",
    "data.json": "{}",
    "bad.npz": "no archive",
    "bad.parquet": "no parquet",
    "bad-images-idx3-ubyte": "no idx",
    "bad.safetensors": "no model",
    "syntax.toml": "depth = = 3\n",
    "unknown.toml": 'data = "circles"\ndepht = 32\n',
    "word.toml": 'data = "circles"\ndepth = "deep"\n',
    "value.toml": 'data = "circles"\nfinal_time = -1\n',
    "choice.toml": 'data = "circles"\nmethod = "magic"\n',
    "truth.toml": 'data = "circles"\nquiet = 1\n',
    "list.toml": 'data = "good.csv"\ntarget = "kind"\nignore = "a"\n',
    "nested.toml": "[network]\ndepth = 3\n",
    "file": "a file where a folder should be",
}

T = "train {} --target kind --out o"
CASES = [
    # ---- files -----------------------------------------------------------------------------------
    (T.format("missing.csv"), "missing.csv: there is no such file"),
    (T.format("folder.csv"), "folder.csv: expected a file, got a folder"),
    (T.format("circls"), "circls: there is no such data set or file; expected one of circles,"),
    (T.format("circls"), "did you mean 'circles'?"),
    (T.format("data.xlsx"), "data.xlsx: expected a file *.csv, *.tsv, *.txt, *.npz, *.parquet or"),
    (T.format("data.json"), "data.json: expected a file *.csv"),
    (T.format("empty.csv"), "empty.csv: expected a header line and rows, got an empty file"),
    (T.format("header.csv"), "header.csv: expected rows below the header line, got none"),
    (T.format("ragged.csv"), "ragged.csv: row 13: expected 3 cells, got 2"),
    (T.format("long.csv"), "long.csv: row 13: expected 3 cells, got 4"),
    (T.format("twice.csv"), "twice.csv: the header names column 'a' twice; rename one"),
    (T.format("unnamed.csv"), "unnamed.csv: the header has no name for column 1; give it one"),
    (T.format("quote.csv"), "line 14: unexpected end of data (a quote that is never closed?)"),
    (T.format("latin.csv"), "latin.csv: expected text in UTF-8"),
    (T.format("bad.parquet"), "bad.parquet: expected a Parquet file"),
    ("train bad.npz --out o", "bad.npz: expected arrays written by numpy.savez (it is no archive)"),
    ("train odd.npz --out o", "odd.npz: expected an array 'X' of inputs, got A, y"),
    ("train flat.npz --out o", "expected inputs of shape (samples, features)"),
    ("train short.npz --out o", "short.npz: y: expected 6 numbers or texts, one for each row"),
    ("train fine.npz --target z --out o", "there is no array 'z' of targets; its arrays are X, y"),
    ("train bad-images-idx3-ubyte --target l --out o", "bad-images-idx3-ubyte: expected an idx"),
    (
        "train images.idx --target missing.idx --out o",
        "mgres: error: missing.idx: there is no such idx file\n",
    ),
    ("train images.idx --out o", "no target was named; take labels by --target"),
    # ---- columns and cells -----------------------------------------------------------------------
    ("train good.csv --out o", "no target was named; take one of a, b, kind by --target"),
    ("train good.csv --target kin --out o", "there is no column 'kin'; its columns are a, b, kind"),
    ("train good.csv --target Kind --out o", "did you mean 'kind'?"),
    (T.format("good.csv") + " --ignore c", "there is no column 'c'; its columns are a, b, kind"),
    (T.format("good.csv") + " --ignore kind", "'kind' is the target and cannot be ignored"),
    (T.format("good.csv") + " --ignore a b", "expected columns besides 'kind'"),
    (T.format("only.csv"), "expected columns besides 'kind'"),
    (T.format("good.csv") + " --delimiter ';'", "there is no column 'kind'"),
    (T.format("good.csv") + " --delimiter ab", "expected a single character, such as ';'"),
    (
        T.format("text.csv"),
        "column 'a', row 13: expected a finite number, got 'red'; leave the column out by "
        "--ignore a",
    ),
    (T.format("comma.csv"), "expected a finite number, got '1,5'; write decimals with a point"),
    (T.format("hole.csv"), "column 'b', row 13: the cell is empty; leave the column out by"),
    (T.format("nan.csv"), "column 'a', row 13: expected a finite number, got 'nan'"),
    (T.format("infinite.csv"), "column 'b', row 13: expected a finite number, got '-inf'"),
    (T.format("large.csv"), "column 'b': its values, up to 1e+200 in size, are too large"),
    (T.format("large-target.csv"), "column 'kind': its values, up to 1e+300 in size, are too"),
    (T.format("no-target.csv"), "column 'kind', row 13: the cell is empty; the target must be"),
    (T.format("constant.csv"), "column 'b' is constant; leave it out by --ignore b"),
    (T.format("single.csv"), "column 'kind': expected at least two classes, got one, 'x'"),
    (T.format("same.csv"), "column 'kind': expected more than one value"),
    (T.format("good.csv") + " --task regression", "row 1: expected a finite number, got 'x'\n"),
    # ---- options ---------------------------------------------------------------------------------
    (T.format("good.csv") + " --task ranking", "expected one of classification, regression"),
    (T.format("good.csv") + " --depth 64 --levels 8", "--levels 8: a depth of 64 allows at most 7"),
    (
        T.format("good.csv") + " --levels 4 2",
        "--levels: several are compared on circles, mnist, digits, circles-scaled; for good.csv "
        "name one",
    ),
    ("train circles --levels 4 2 --width 3 --out o", "--width: does not go with several --levels"),
    (T.format("good.csv") + " --schedule '[1'", "schedule: expected '[...]', got '[1'"),
    (T.format("good.csv") + " --schedule '[1,2]'", "one {n} at the end for the coarsest level"),
    (
        T.format("good.csv") + " --schedule '[(1),{2}]' --method cascade",
        "--schedule: is for --method V, W or F, got cascade",
    ),
    (
        T.format("good.csv") + " --schedule '[(1),{2}]' --levels 3",
        "--levels 3: the schedule has 2",
    ),
    (T.format("good.csv") + " --method single --levels 2", "the method single has one level"),
    (
        T.format("good.csv") + " --method recommended --levels 2",
        "--levels: the recommended method chooses it itself; name another one by --method",
    ),
    (
        T.format("good.csv") + " --method paper --learning-rate 1",
        "--learning-rate: the paper method chooses it itself; name another one by --method",
    ),
    (T.format("good.csv") + " --method magic", "expected one of recommended, cascade, single"),
    (
        T.format("good.csv") + " --optimizer lbfgs --learning-rate 1",
        "--learning-rate: lbfgs has none; leave it out",
    ),
    (
        T.format("good.csv") + " --optimizer lbfgs --batch-size 4",
        "--optimizer lbfgs: needs all samples; leave out --batch-size, or take adam",
    ),
    (T.format("good.csv") + " --batch-size 99", "--batch-size 99: there are 10 training samples"),
    (T.format("good.csv") + " --validation-fraction 1", "expected a share from 0 and less than 1"),
    (T.format("good.csv") + " --target-accuracy 99", "expected a share from 0 to 1, got '99'"),
    (
        T.format("good.csv") + " --target-accuracy 1 --validation-fraction 0",
        "--target-accuracy: needs rows that are held out: --validation-fraction",
    ),
    (T.format("numbers.csv") + " --target-accuracy 1", "a regression takes --target-loss"),
    (T.format("numbers.csv") + " --loss cross_entropy", "--loss cross_entropy: is for classes"),
    ("train circles --target kind --out o", "--target: is for data of your own, and circles is"),
    ("train circles --task regression --out o", "--task regression: circles has classes"),
    (
        T.format("good.csv") + " --dept 3",
        "unrecognized arguments: --dept 3 (did you mean --depth?); see mgres train --help",
    ),
    (
        T.format("good.csv") + " --depth 99999999 --width 9999999",
        "expected at most 1e+15",
    ),
    (T.format("good.csv") + " --out file", "--out file: cannot be made a folder"),
    (
        T.format("good.csv") + " --threads 5000",
        "argument --threads: expected an integer from 1 to 4096, got",
    ),
    # ---- configuration and resuming --------------------------------------------------------------
    ("train --config missing.toml --out o", "missing.toml: there is no such file"),
    ("train --config syntax.toml --out o", "syntax.toml: expected TOML: "),
    ("train --config unknown.toml --out o", "unknown.toml: depht: there is no such option; did"),
    ("train --config unknown.toml --out o", "did you mean 'depth'?"),
    ("train --config word.toml --out o", "depth: expected a number, got the text 'deep'"),
    ("train --config value.toml --out o", "final_time: expected a positive number, got -1"),
    ("train --config choice.toml --out o", "method: expected one of recommended, cascade"),
    ("train --config truth.toml --out o", "quiet: expected true or false, got 1"),
    ("train --config list.toml --out o", "ignore: expected a list of texts, got 'a'"),
    ("train --config nested.toml --out o", "nested.toml: network: there is no such option"),
    ("train --config list.toml --levels 4 2 --out o", "ignore: expected a list of texts"),
    (
        "train spirals --levels 4 2 --out o",
        "several are compared on circles",
    ),
    ("train --resume nowhere", "nowhere: there is no run to resume: no config.toml in it"),
    ("train --resume nowhere --out o", "--out: does not go with --resume"),
    ("train --resume nowhere --depth 3", "--depth: cannot change when a run is resumed"),
    ("train circles --resume nowhere", "data: cannot change when a run is resumed"),
    # ---- models ----------------------------------------------------------------------------------
    ("evaluate nowhere good.csv", "nowhere: there is no such file or folder of a run"),
    ("evaluate . good.csv", ".: there is no model.safetensors in this folder"),
    ("evaluate bad.safetensors good.csv", "bad.safetensors: "),
    ("predict own.safetensors good.csv", "it says nothing of columns: `mgres train` did not write"),
    ("completion powershell9", "argument shell: invalid choice: 'powershell9'"),
    ("bench --width 0", "expected an integer from 1 to 2**31 - 1, got '0'"),
]


@pytest.fixture
def files(tmp_path):
    import mgres

    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "latin.csv").write_bytes(GOOD.replace("a", "\xe4").encode("latin-1"))
    X = np.arange(12.0).reshape(6, 2)
    np.savez(tmp_path / "odd.npz", A=X, y=np.arange(6))
    np.savez(tmp_path / "flat.npz", X=X.ravel(), y=np.arange(12))
    np.savez(tmp_path / "short.npz", X=X, y=np.arange(5))
    np.savez(tmp_path / "fine.npz", X=X, y=np.arange(6) % 2)
    (tmp_path / "images.idx").write_bytes(b"\0\0\x08\x02\0\0\0\2\0\0\0\1\7\x09")
    net = mgres.ResNet(2, 3, 2, 4)
    mgres.save(tmp_path / "own.safetensors", net, net.init(0))


@pytest.mark.parametrize(("line", "fragment"), CASES, ids=[f"{a[:60]}: {b[:30]}" for a, b in CASES])
def test_bad_input(run, files, tmp_path, line, fragment):
    code, out, err = run(*shlex.split(line))
    assert code == 2, out + err
    assert fragment in err
    assert err.startswith("mgres: error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert "(unexpected:" not in err
    assert not list((tmp_path / "o").glob("*"))
    assert (tmp_path / "file").read_text() == FILES["file"]


def test_there_are_enough_of_them():
    assert len(CASES) >= 40


def test_bug_of_ours_is_told_in_one_line_too(run, monkeypatch, files):
    def broken(*arguments, **options):
        raise KeyError("theta")

    monkeypatch.setattr("mgres.cli.train.resolve", broken)
    code, out, err = run(*shlex.split(T.format("good.csv")))
    assert (code, out) == (2, "")
    assert err == "mgres: error: KeyError: 'theta' (unexpected: --debug shows where)\n"
    with pytest.raises(KeyError):
        run(*shlex.split(T.format("good.csv")), "--debug")


def test_whole_process(files):
    done = subprocess.run(
        [sys.executable, "-m", "mgres", *shlex.split(T.format("hole.csv"))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "row 13: the cell is empty" in done.stderr
