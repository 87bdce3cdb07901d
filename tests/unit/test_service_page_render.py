"""Browser automation without a browser: its arguments and their bounds, and when it is on sale."""

import logging
import subprocess
from pathlib import Path

import msgspec
import pytest

from server.domain.errors import ConfigurationError, HandlerFailed
from server.services import browser as browsers
from server.services.arguments import parse_arguments
from server.services.browser import Browser, find_browser
from server.services.page_render import MOST_HTML, SERVICE
from server.services.page_scrape import SERVICE as SCRAPE
from server.services.service import ServiceError
from server.settings import load
from tests.unit.services_oracle_context import context


def arguments(service=SERVICE, **given):
    body = msgspec.json.encode({"html": "<p>hello", **given})
    return parse_arguments(service, b"", body, "application/json")


def test_a_document_alone_is_a_picture_of_a_window():
    asked = arguments()
    assert (asked.format, asked.width, asked.height, asked.full_page, asked.paper) == ("png", 1024, 768, False, "A4")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"html": ""}, "html"),
        ({"html": "x" * (MOST_HTML + 1)}, "html"),
        ({"format": "gif"}, "format"),
        ({"width": 15}, "width"),
        ({"width": 2001}, "width"),
        ({"height": 0}, "height"),
        ({"height": 2001}, "height"),
        ({"height": 10.5}, "height"),
        ({"paper": "A0"}, "paper"),
        ({"url": "http://127.0.0.1"}, "url"),
        ({"format": "pdf", "full_page": True}, "full_page is for png"),
        ({"landscape": True}, "landscape is for pdf"),
    ],
)
def test_what_is_out_of_bounds_is_refused_by_name_before_it_is_quoted(given, named):
    with pytest.raises(ServiceError, match=named):
        arguments(**given)


@pytest.mark.parametrize("given", [{"select": ["a"] * 11}, {"select": [""]}, {"select": ["a" * 201]}, {"width": 9}])
def test_so_is_what_is_too_much_to_look_for(given):
    with pytest.raises(ServiceError, match=next(iter(given))):
        arguments(SCRAPE, **given)


def test_the_longest_document_fits_a_body():
    assert len(arguments(html="x" * MOST_HTML).html) == MOST_HTML


@pytest.mark.parametrize("service", [SERVICE, SCRAPE], ids=lambda service: service.slug)
async def test_without_a_browser_a_handler_fails_and_says_why(service):
    with pytest.raises(HandlerFailed, match="no browser"):
        await service.run(arguments(service), context())


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
