"""`paddock new mode NAME`: a way to pay that works as it stands, on both sides, its test, and its lines in `MODES`."""

import keyword
import re
from pathlib import Path

from scripts.new.writing import NewError, untaken, with_entry
from scripts.solc import ROOT
from server.domain.modes import LONGEST_NAME

SELLER, BUYER = "server/payments/__init__.py", "agent/payments/__init__.py"
GUIDE = "CONTRIBUTING.md"
_NAME = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
_TOLD = re.compile(r"^- \w+: `server/payments/\w+\.py`, `agent/payments/\w+\.py`\.\n", re.MULTILINE)

SERVER = '''\
"""NAME: for now as DIRECT, under a name of its own: the money goes straight to the merchant."""

from server.domain.market import Merchant
from server.domain.modes import Mode
from server.payments.direct import Direct

NAME = Mode("NAME", held=False, calls_contract=False, sold_by_transfer=False)


class CLASS(Direct):
    """Implements PaymentMode. What differs from DIRECT is said here; what else may differ is in `mode.py`."""

    facts = NAME
    words = "The money goes straight to the merchant"

    def takes_orders_of(self, merchant: Merchant) -> bool:
        return False
'''
AGENT = '''\
"""NAME: for now as DIRECT, under a name of its own, and only where the terms say that name."""

from agent.payments.direct import Direct
from protocol.wire import SCHEME_EXACT, SCHEME_UPTO, PaymentRequirements


class CLASS(Direct):
    """Implements mode.Mode. What differs from DIRECT is said here; what else may differ is in `mode.py`."""

    name = "NAME"

    def offered_in(self, entry: PaymentRequirements) -> bool:
        return entry.scheme in (SCHEME_EXACT, SCHEME_UPTO) and entry.extra.get("mode") == self.name
'''
TEST = '''\
"""NAME: what is its own. What every mode must keep is for `test_every_mode.py`, which covers it already."""

from server.payments import mode_named
from tests.simulation.world import open_world, service
from tests.stack.buyer import read_header


async def test_it_is_paid_to_the_merchant_and_the_receipt_names_it() -> None:
    async with open_world(service("sold", lambda *_: "sold", mode="NAME")) as world:
        quoted = await world.buyer.ask(world.url("sold"))
        answer = await world.buyer.present(quoted, world.buyer.pay(quoted))
        assert answer.status_code == 200
        receipt = read_header(answer.headers["payment-response"])["extensions"]["paddock-receipt"]["info"]["receipt"]
        assert receipt["mode"] == mode_named("NAME").facts.name
        assert receipt["payTo"] == world.paddock.merchants["paddock"].pay_to
'''


def new_mode(name: str, root: Path = ROOT) -> list[Path]:
    """Writes both sides and a test and lists the mode; returns what was written. Raises NewError before writing."""
    module, class_ = name.lower(), "".join(word.capitalize() for word in name.split("_"))
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME or keyword.iskeyword(module):
        raise NewError(
            f"{name!r} is no mode's name: up to {LONGEST_NAME} capitals, digits and underscores, a letter first, as TIP"
        )
    files = {
        root / "server" / "payments" / f"{module}.py": SERVER,
        root / "agent" / "payments" / f"{module}.py": AGENT,
        root / "tests" / "simulation" / f"test_mode_{module}.py": TEST,
    }
    untaken([path for path in files if path.exists()], name, root)
    listed = {root / path: _listed((root / path).read_text(), path, module, class_) for path in (SELLER, BUYER)}
    guide = root / GUIDE
    listed[guide] = _told(guide.read_text(), name, module)
    for path, template in files.items():
        path.write_text(template.replace("CLASS", class_).replace("NAME", name))
    for path, text in listed.items():
        path.write_text(text)
    return [*files, *listed]


def _listed(source: str, path: str, module: str, class_: str) -> str:
    """The list with the mode at its end, and the import of it in the order that the linter keeps."""
    package = path.removesuffix("/__init__.py").replace("/", ".")
    imports = sorted({*re.findall(rf"^from {package}\.\w+ import \w+\n", source, re.MULTILINE)})
    if not imports:
        raise NewError(f"{path} has no imports of modes that a line could be added to; nothing was written")
    block = "".join(imports)
    if f" import {class_}\n" in block:
        raise NewError(f"{path} has a {class_} already: choose another name; nothing was written")
    start = source.find(block)
    if start < 0:
        raise NewError(f"{path}: its imports of modes are not one sorted block; nothing was written")
    grown = "".join(sorted([*imports, f"from {package}.{module} import {class_}\n"]))
    source = source[:start] + grown + source[start + len(block) :]
    return with_entry(source, path, "MODES", f"    {class_}(),\n")


def _told(guide: str, name: str, module: str) -> str:
    """The guide with a line about the mode where it lists what there is."""
    ends = [found.end() for found in _TOLD.finditer(guide)]
    if not ends:
        raise NewError(f"{GUIDE} has no list of modes that a line could be added to; nothing was written")
    line = f"- {name}: `server/payments/{module}.py`, `agent/payments/{module}.py`.\n"
    return guide[: ends[-1]] + line + guide[ends[-1] :]
