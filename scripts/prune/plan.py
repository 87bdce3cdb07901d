"""What goes when only some services are kept, as found by who imports and names what."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts.prune.cutting import Cut
from scripts.prune.sources import Alias, Gone, Source, read

SHOP = "server.services"
PAGE = Path("docs/services.md")
DATA = Path("server/services/data")


@dataclass
class Plan:
    """Files that go; those that are written anew, by their text; and the tests that go, by file."""

    removed: list[Path] = field(default_factory=list)
    written: dict[Path, str] = field(default_factory=dict)
    tests: dict[Path, list[str]] = field(default_factory=dict)


def plan(root: Path, modules: Mapping[str, str], samples: Collection[str], keep: Collection[str]) -> Plan:
    """What to do in a checkout; `modules` has the catalogue's modules by slug. Nothing is written.

    The samples' files stay, whether they are kept in the catalogue or not. Raises NotCut.
    """
    sources = read(root)
    dropped = {slug for slug in modules if slug not in keep}
    slugs = dropped - set(samples)
    gone = _unreached(sources, {modules[slug] for slug in slugs})
    cuts = _Cuts(sources, gone, slugs, set(modules.values()))
    cuts.settle()
    found = Plan(removed=sorted(sources[one].path for one in cuts.gone))
    found.removed += _unnamed_data(root, sources, cuts.gone)
    shelf = cuts.of(SHOP)
    shelf.take_out(Gone({modules[slug].rpartition(".")[2] for slug in dropped}, ()))
    for module, cut in cuts.made.items():
        if module in cuts.gone:
            found.tests |= {cut.source.path: sorted(cut.source.tests)} if cut.source.tests else {}
        elif cut.statements or cut.entries:
            found.written[cut.source.path] = cut.text()
            found.tests |= {cut.source.path: cut.tests} if cut.tests else {}
    page = (root / PAGE).read_text()
    if (rows := _without_rows(page, slugs)) != page:
        found.written[PAGE] = rows
    return found


@dataclass
class _Cuts:
    """Modules that are gone, and what goes of the others because of it."""

    sources: Mapping[str, Source]
    gone: set[str]
    slugs: Collection[str]
    sold: set[str]
    made: dict[str, Cut] = field(default_factory=dict)

    def of(self, module: str) -> Cut:
        return self.made.setdefault(module, Cut(self.sources[module]))

    def settle(self) -> None:
        """Take out, and take out what that leaves without its ground, until nothing changes."""
        size = -1
        while size != (size := len(self.gone) + sum(cut.size for cut in self.made.values())):
            for module, source in self.sources.items():
                if module not in self.gone and module.partition(".")[0] in ("scripts", "tests"):
                    self._look(module, source)
            self.gone |= self._idle_modules()

    def _look(self, module: str, source: Source) -> None:
        lost = {alias.binding for alias in source.imports if self._is_lost(*alias.targets, name=alias.name)}
        if not lost and not any(slug in source.text for slug in self.slugs):
            return
        gone = Gone(lost, self.slugs)
        if not any(gone.named_in(statement) for statement in source.tree.body):
            return
        cut = self.of(module)
        cut.take_out(gone)
        if source.of_tests and source.path.name != "conftest.py":
            cut.tidy(self._wanted_of(module))
        if cut.is_empty or self._is_about_gone(cut):
            self.gone.add(module)

    def _is_lost(self, *targets: str, name: str) -> bool:
        """Whether an import is of a module that is gone, or of a name that went out of one that stays."""
        if any(target in self.gone for target in targets):
            return True
        return any(name in self.made[target].names for target in targets if target in self.made)

    def _is_about_gone(self, cut: Cut) -> bool:
        """Whether a file has a gone service's name, and is of no other that stays."""
        subject = cut.source.path.stem.removeprefix("test_service_")
        stays = {target for alias in cut.imported() for target in alias.targets} & self.sold - self.gone
        return f"{SHOP}.{subject}" in self.gone and not stays

    def _wanted_of(self, module: str) -> set[str]:
        """The names that other files import of it."""
        return {alias.name for one, alias in self._imports() if alias.module == module and one != module}

    def _imports(self) -> Iterator[tuple[str, Alias]]:
        for module, source in self.sources.items():
            if module not in self.gone:
                found = self.made[module].imported() if module in self.made else source.imports
                yield from ((module, alias) for alias in found)

    def _idle_modules(self) -> set[str]:
        """Of what lies beside the tests, modules that some test imported and none does now."""
        before = {target for source in self.sources.values() for alias in source.imports for target in alias.targets}
        now = {target for _, alias in self._imports() for target in alias.targets}
        own = {module for module, source in self.sources.items() if source.of_tests and not source.tests}
        return (own & before) - now - self.gone


def _unreached(sources: Mapping[str, Source], dropped: Collection[str]) -> set[str]:
    """The dropped modules, with what lies beside them and only they import."""
    shop = {module for module in sources if module.startswith(f"{SHOP}.")}
    outside = {module for module, source in sources.items() if module not in shop and not source.of_tests}

    def reached(start: Collection[str], barred: Collection[str]) -> set[str]:
        seen, new = set(start), list(start)
        while new:
            for alias in sources[new.pop()].imports:
                more = {one for one in alias.targets if one in sources} - seen - set(barred)
                seen |= more
                new += more
        return seen

    return (reached(outside, ()) - reached(outside, dropped)) & shop


def _unnamed_data(root: Path, sources: Mapping[str, Source], gone: Collection[str]) -> list[Path]:
    """Data files that modules name which are gone, and no other does."""
    lost = [source.text for module, source in sources.items() if module in gone]
    left = [source.text for module, source in sources.items() if module not in gone and not source.of_tests]
    names = sorted(path.name for path in (root / DATA).iterdir() if path.suffix != ".py" and path.is_file())
    return [DATA / name for name in names if any(name in one for one in lost) and not any(name in one for one in left)]


def _without_rows(page: str, slugs: Collection[str]) -> str:
    """The page without the rows of tables about a service that goes."""
    told = re.compile(r"`({})`".format("|".join(slugs) or "(?!)"))
    return "".join(one for one in page.splitlines(keepends=True) if not (one.startswith("| ") and told.search(one)))
