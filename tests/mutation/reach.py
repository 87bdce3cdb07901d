"""Which tests come to which line, and how long each takes: `python -m tests.mutation.reach OUT.json FOLDER…`."""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

from tests.mutation.mutants import CORE

TOP = Path(__file__).resolve().parents[2]


class Watch:
    """A plugin for pytest: what runs from a test's fixtures to their end is that test's; only what passes counts."""

    def __init__(self, watched: coverage.Coverage) -> None:
        self.watched = watched
        self.seconds: dict[str, float] = defaultdict(float)
        self.failed: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.watched.switch_context(item.nodeid)
        result = yield
        self.watched.switch_context("")
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if not report.passed:
            self.failed.add(report.nodeid)


def main(out: str, *folders: str) -> int:
    """The exit status is pytest's. Tests that fail come to no line: they could say nothing of a mutant."""
    watched = coverage.Coverage(
        data_file=None,
        config_file=False,
        concurrency=["thread", "greenlet"],
        include=[f"{place}/*" if not place.endswith(".py") else place for place in CORE],
    )
    watched.start()
    plugin = Watch(watched)
    status = pytest.main(["-q", "--tb=short", "-p", "no:cacheprovider", *folders], plugins=[plugin])
    watched.stop()
    data = watched.get_data()
    lines: dict[str, dict[int, list[str]]] = {}
    for path in data.measured_files():
        reached = data.contexts_by_lineno(path)
        lines[Path(path).relative_to(TOP).as_posix()] = {
            line: sorted(set(tests) - plugin.failed - {""}) for line, tests in reached.items()
        }
    Path(out).write_text(json.dumps({"seconds": plugin.seconds, "lines": lines}))
    return int(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
