"""Which program draws documents, and when none may."""

import logging
import subprocess
from pathlib import Path

import pytest

from server.domain.errors import ConfigurationError
from server.services import browser as browsers
from server.services.browser import Browser, find_browser
from server.settings import load


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Something that runs, called Chromium, on a machine with namespaces."""
    path = tmp_path / "chromium"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    monkeypatch.setattr(browsers, "_namespaces", lambda: True)
    return path


def test_a_browser_is_looked_for_by_its_usual_names(program, monkeypatch):
    monkeypatch.setenv("PATH", str(program.parent))
    assert find_browser(None, devnet=False) == Browser(str(program), apart=True)
    program.rename(program.with_name("google-chrome"))
    assert find_browser(None, devnet=False).path.endswith("/google-chrome")


def test_one_that_is_named_is_taken_or_refused(program, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert find_browser(program, devnet=False).path == str(program)
    assert load({"PADDOCK_DEVNET": "1", "PADDOCK_CHROMIUM": str(program)}).chromium == program
    assert load({"PADDOCK_DEVNET": "1", "PADDOCK_CHROMIUM": ""}).chromium is None
    program.chmod(0o644)
    with pytest.raises(ConfigurationError, match=r"PADDOCK_CHROMIUM is .*, which is no program"):
        find_browser(program, devnet=False)


def test_without_one_the_log_says_what_to_install(caplog, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with caplog.at_level(logging.WARNING):
        assert find_browser(None, devnet=True) is None
    assert "apt-get install chromium" in caplog.text
    assert "PADDOCK_CHROMIUM" in caplog.text


def test_off_the_devnet_none_is_used_without_its_sandbox(program, caplog, monkeypatch):
    monkeypatch.setattr(browsers, "_namespaces", lambda: False)
    with caplog.at_level(logging.WARNING):
        assert find_browser(program, devnet=False) is None
    assert "no user namespaces" in caplog.text
    assert find_browser(program, devnet=True) == Browser(str(program), apart=False)


@pytest.mark.parametrize("does", ["exit 1", "sleep 9"])
def test_a_machine_has_namespaces_if_a_program_can_be_given_one(does, tmp_path, monkeypatch):
    assert browsers.APART[0] == "unshare"
    tool = tmp_path / "unshare"
    tool.write_text(f"#!/bin/sh\n{does}\n")
    tool.chmod(0o755)
    tmp_path.chmod(0o755)
    monkeypatch.setattr(browsers, "APART", (str(tool),))
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *given, **more: run(*given, **more | {"timeout": 0.5}))
    assert browsers._namespaces() is False
    monkeypatch.setattr(browsers, "APART", (str(Path("/nowhere/unshare")),))
    assert browsers._namespaces() is False
