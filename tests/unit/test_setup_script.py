"""`scripts/setup.sh` on a machine that lacks something: a sentence that says what to do, and nothing half made."""

import os
import shutil
import subprocess

import pytest

from tests.stack.processes import ROOT

CLIENTS = "tests/e2e/clients"
TOOLS = ("sh", "dirname", "date", "cmp", "cp", "env", "printf", "cat", "mkdir")


@pytest.fixture
def machine(tmp_path):
    """A copy of what setup reads, and an empty PATH to put tools on."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        if found:
            (bin_folder / tool).symlink_to(found)
    for name in ("scripts/setup.sh", "requirements/dev.txt", "package-lock.json", f"{CLIENTS}/package-lock.json"):
        target = tmp_path / "project" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    return tmp_path


def install(machine, name, text):
    tool = machine / "bin" / name
    tool.write_text(f"#!/bin/sh\n{text}\n")
    tool.chmod(0o755)


def setup(machine, goal="demo"):
    project = machine / "project"
    environ = {"PATH": str(machine / "bin"), "GOAL": goal, "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        [str(machine / "bin" / "sh"), str(project / "scripts" / "setup.sh")],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_wrong_python_is_named_with_the_ones_that_work(machine):
    install(machine, "python3", 'if [ "$1" = --version ]; then echo Python 3.9.2; else exit 1; fi')
    told = setup(machine)
    assert told.returncode == 1
    assert "Python 3.9.2" in told.stderr
    assert "Python 3.11, 3.12 or 3.13" in told.stderr
    assert "PYTHON=/path/to/python3.12" in told.stderr
    assert not (machine / "project" / ".venv").exists()


def test_no_python_at_all_is_told(machine):
    told = setup(machine)
    assert told.returncode == 1
    assert "no python3 at all" in told.stderr


def with_python_done(machine):
    venv = machine / "project" / ".venv"
    venv.mkdir()
    shutil.copy(ROOT / "requirements" / "dev.txt", venv / ".installed")


def test_a_missing_node_is_told_with_how_to_get_it(machine):
    with_python_done(machine)
    told = setup(machine)
    assert told.returncode == 1
    assert "Node 20 or newer is needed" in told.stderr
    assert not (machine / "project" / "node_modules").exists()


def test_an_old_node_is_told(machine):
    with_python_done(machine)
    install(machine, "node", 'if [ "$1" = -p ]; then echo 16; else echo v16.20.0; fi')
    told = setup(machine)
    assert told.returncode == 1
    assert "v16.20.0" in told.stderr


@pytest.mark.parametrize(
    ("goal", "folders"), [("demo", ["."]), ("up", ["."]), ("setup", [".", CLIENTS]), ("test", [".", CLIENTS])]
)
def test_the_tests_clients_are_installed_for_tests_alone_once_and_run_no_scripts(machine, goal, folders):
    with_python_done(machine)
    install(machine, "node", 'if [ "$1" = -p ]; then echo 20; else echo v20.20.2; fi')
    install(machine, "npm", 'mkdir -p node_modules; echo "$@" >> npm.log')
    for _ in range(2):
        told = setup(machine, goal)
        assert told.returncode == 0, told.stderr
    logs = {str(log.parent.relative_to(machine / "project")): log for log in (machine / "project").rglob("npm.log")}
    assert set(logs) == set(folders)
    assert all(log.read_text().count("ci ") == 1 for log in logs.values())
    assert CLIENTS not in logs or "--ignore-scripts" in logs[CLIENTS].read_text()


def test_a_failed_install_is_tried_again_next_time(machine):
    with_python_done(machine)
    install(machine, "node", 'if [ "$1" = -p ]; then echo 20; else echo v20.20.2; fi')
    install(machine, "npm", "mkdir -p node_modules; exit 1")
    assert setup(machine, "test").returncode != 0
    assert not (machine / "project" / "node_modules" / ".installed").exists()
