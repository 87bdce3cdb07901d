"""The images have what the code reads beside itself."""

import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
MADE = {"var", "deployments"}
"""What an image makes by itself."""


def copied(stage: str) -> set[str]:
    """The first parts of all that a stage of the Dockerfile copies from the checkout."""
    text = (TOP / "Dockerfile").read_text()
    (own,) = re.findall(rf"^FROM \S+ AS {stage}\n(.*?)(?=^FROM |\Z)", text, re.DOTALL | re.MULTILINE)
    lines = re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", own, re.MULTILINE)
    return {name.split("/")[0] for line in lines for name in line.split()}


def read_by(folder: str) -> set[str]:
    """The first parts of the paths at the checkout's top that the code of a folder names."""
    found: set[str] = set()
    for path in (TOP / folder).rglob("*.py"):
        found |= set(re.findall(r'(?:TOP|parents\[[12]\]) / "([^"/]+)"', path.read_text()))
    return found


def test_the_servers_image_has_all_that_the_server_reads():
    assert {"networks.toml", "templates"} <= read_by("server"), "the code names them in another way now"
    assert read_by("server") - MADE <= copied("server")


def test_the_agents_image_has_all_that_the_agent_reads():
    assert "templates" in read_by("agent"), "the code names it in another way now"
    assert read_by("agent") - MADE <= copied("server") | copied("agent")
