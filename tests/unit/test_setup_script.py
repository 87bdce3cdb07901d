"""`scripts/setup.sh` on a machine that lacks something: a sentence that says what to do, and nothing half made."""

import os
import shutil
import subprocess

import pytest

from tests.stack.processes import ROOT

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
    for name in ("scripts/setup.sh", "requirements/dev.txt", "package-lock.json"):
        target = tmp_path / "project" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    return tmp_path


def install(machine, name, text):
    tool = machine / "bin" / name
    tool.write_text(f"#!/bin/sh\n{text}\n")
    tool.chmod(0o755)


def setup(machine):
    project = machine / "project"
    environ = {"PATH": str(machine / "bin"), "GOAL": "demo", "HOME": os.environ.get("HOME", "/")}
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
