"""The workflows are what the project promises: systems, versions, sanitizers, wheels, pages.

They run elsewhere; here they are only read.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

yaml = pytest.importorskip("yaml", reason="PyYAML is missing: workflows are not read")

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".github" / "workflows"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.yml")
}
VERSIONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]


def steps(workflow, job):
    return WORKFLOWS[workflow]["jobs"][job]["steps"]


def test_there_are_three():
    assert set(WORKFLOWS) == {"ci", "wheels", "docs"}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_jobs_run_somewhere_and_may_only_read(name):
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["runs-on"]
        assert all(("uses" in step) != ("run" in step) for step in job["steps"])
        assert set(job.get("needs", [])) <= {*workflow["jobs"]} or job["needs"] in workflow["jobs"]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_have_versions(name):
    used = re.findall(r"uses: (\S+)", (FOLDER / f"{name}.yml").read_text(encoding="utf-8"))
    assert used
    assert all(re.fullmatch(r"[\w./-]+@(v\d+(\.\d+)*|release/v1)", action) for action in used)


def test_tests_run_on_both_systems_and_all_versions():
    matrix = WORKFLOWS["ci"]["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu-latest", "macos-latest"]
    assert matrix["python"] == VERSIONS
    assert VERSIONS[0] == PROJECT["project"]["requires-python"].removeprefix(">=")


def test_sanitizers_use_the_presets():
    lines = "\n".join(step.get("run", "") for step in steps("ci", "sanitizers"))
    assert "cmake --preset asan" in lines
    assert "ctest --preset asan" in lines


def test_wheels_are_for_the_versions_that_are_tested():
    settings = PROJECT["tool"]["cibuildwheel"]
    assert settings["build"].split() == [f"cp{v.replace('.', '')}-*" for v in VERSIONS]
    assert "pytest" in settings["test-command"]
    systems = WORKFLOWS["wheels"]["jobs"]["wheels"]["strategy"]["matrix"]["os"]
    assert len(systems) == 4  # two systems, two processors


def test_only_tags_are_published_and_without_a_password():
    publish = WORKFLOWS["wheels"]["jobs"]["publish"]
    assert publish["if"] == "startsWith(github.ref, 'refs/tags/v')"
    assert publish["permissions"] == {"id-token": "write"}
    assert "secrets" not in (FOLDER / "wheels.yml").read_text(encoding="utf-8")


def test_documentation_is_built_without_warnings():
    lines = [step.get("run", "") for step in steps("docs", "build")]
    (build,) = (line for line in lines if "sphinx" in line and "-m" in line)
    assert "-W" in build.split()


def test_extras_that_workflows_install_exist():
    extras = PROJECT["project"]["optional-dependencies"]
    for path in FOLDER.glob("*.yml"):
        text = path.read_text(encoding="utf-8")
        for names in re.findall(r'"\.\[([a-z,]+)\]"', text):
            assert set(names.split(",")) <= set(extras), path.name
