"""The workflows are what the documentation says of them."""

from __future__ import annotations

import re

import pytest

from .pages import ROOT

yaml = pytest.importorskip("yaml", reason="PyYAML is missing: workflows cannot be read")
FOLDER = ROOT / ".github" / "workflows"
if not FOLDER.is_dir():
    pytest.skip("not a checkout: no workflows", allow_module_level=True)
WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FOLDER.iterdir()
}
MOST_PYTHON = {"3.10", "3.11", "3.12", "3.13", "3.14"}


def steps(workflow: str) -> list[dict]:
    """Return all steps of a workflow."""
    return [step for job in WORKFLOWS[workflow]["jobs"].values() for step in job["steps"]]


def project() -> str:
    """Return pyproject.toml, which Python 3.10 cannot parse."""
    return (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_there_are_tests_wheels_and_documentation():
    assert {path.suffix for path in FOLDER.iterdir()} == {".yml"}
    assert {"ci", "wheels", "docs"} <= WORKFLOWS.keys()


def test_tests_run_on_linux_and_macos_over_all_versions():
    matrix = WORKFLOWS["ci"]["jobs"]["test"]["strategy"]["matrix"]
    assert {name.split("-")[0] for name in matrix["os"]} == {"ubuntu", "macos"}
    assert set(matrix["python"]) == MOST_PYTHON
    assert re.search(r'^requires-python = ">=3\.10"$', project(), re.MULTILINE)


def test_the_sanitizers_run():
    assert any("asan" in step.get("run", "") for step in steps("ci"))


def test_wheels_are_built_for_four_platforms_and_every_version():
    include = WORKFLOWS["wheels"]["jobs"]["wheels"]["strategy"]["matrix"]["include"]
    assert {entry["platform"] for entry in include} == {
        *("linux-x86_64", "linux-aarch64", "macos-arm64", "macos-x86_64")
    }
    assert all(entry["platform"].endswith(entry["archs"]) for entry in include)
    (built,) = re.findall(r"^build = \[(.*)\]$", project(), re.MULTILINE)
    versions = {re.sub(r"(\d)(\d+)", r"\1.\2", v) for v in re.findall(r'"cp(\d+)-\*"', built)}
    assert versions == MOST_PYTHON


def test_wheels_are_tested_and_have_openmp_on_macos():
    text = project()
    command = re.search(r'^test-command = "(.*)"$', text, re.MULTILINE)[1]
    for folder in re.findall(r"\{project\}/(\S+)", command):
        assert (ROOT / folder).is_dir()
    assert "libomp" in re.search(r"\[tool\.cibuildwheel\.macos\]\n(?:[^\[].*\n)*", text)[0]


def test_only_a_tag_publishes_and_without_a_password():
    text = (FOLDER / "wheels.yml").read_text(encoding="utf-8")
    publish = WORKFLOWS["wheels"]["jobs"]["publish"]
    assert "startsWith(github.ref, 'refs/tags/v')" in publish["if"]
    assert set(publish["needs"]) == {"wheels", "sdist"}
    assert publish["permissions"] == {"id-token": "write"}
    assert not re.search(r"secrets\.|password", text.replace("there is no password", ""))


def test_documentation_is_built_without_warnings_and_published_from_main():
    runs = [step.get("run", "") for step in steps("docs")]
    assert any("sphinx -W" in run for run in runs)
    assert any("pytest tests/docs" in run for run in runs)
    assert "refs/heads/main" in WORKFLOWS["docs"]["jobs"]["publish"]["if"]
    local = (ROOT / "tools" / "test.sh").read_text(encoding="utf-8")
    assert re.search(r"-m sphinx .*-W", local)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflow_has_few_rights_and_pinned_actions(name):
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {"contents": "read"}
    triggers = workflow[True]  # YAML 1.1 reads `on` as true
    assert "pull_request_target" not in triggers
    for step in steps(name):
        assert ("uses" in step) != ("run" in step)
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@(v[\d.]+|release/v\d+|[0-9a-f]{40})", step["uses"])


def test_what_workflows_install_exists():
    extras = set(re.findall(r"^(\w+) = \[", project(), re.MULTILINE))
    for path in FOLDER.iterdir():
        for named in re.findall(r'"\.\[([\w,]+)\]"', path.read_text(encoding="utf-8")):
            assert set(named.split(",")) <= extras


def test_one_version_of_an_action():
    """Workflows that differ in the version of an action are a mistake of whoever updated one."""
    versions: dict[str, set[str]] = {}
    for other in WORKFLOWS:
        for step in steps(other):
            action, _, version = step.get("uses", "@").partition("@")
            versions.setdefault(action, set()).add(version)
    assert all(len(found) == 1 for found in versions.values())
