"""A contract with a switch at each guard: compiled once, and any one guard missing where the coinbase is its number."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scripts.compile import Artifact, standard_input
from scripts.proof.guards import NUMBER, Survey
from scripts.proof.judges import CROOK
from scripts.proof.notices import NOTICED, Check, Notice
from scripts.proof.syntax import Edit, applied
from scripts.proof.weakenings import WEAKENINGS
from scripts.solc import ROOT, find_compiler, use_own_folder

use_own_folder()
import solcx  # noqa: E402 - it looks at its folder when imported

FIRST = 0x5EED_0000
MISBEHAVING = f"contracts/mocks/hostile/{CROOK}.sol"
SHOWN_BY = {
    "contracts/X402Callback.sol": MISBEHAVING,
    "contracts/base/ActionFrame.sol": MISBEHAVING,
    "contracts/base/BoundedCall.sol": MISBEHAVING,
    "contracts/base/OneTokenCallback.sol": "contracts/callbacks/Subscription.sol",
    "contracts/base/PaymentBooks.sol": MISBEHAVING,
    "contracts/base/PaymentGuard.sol": MISBEHAVING,
    "contracts/base/TwoStepOwner.sol": MISBEHAVING,
    "contracts/x402/Permit2Proxy.sol": "contracts/x402/ExactPermit2Proxy.sol",
}
"""What is deployed for a source that is only derived from."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A source from which one thing is missing while the coinbase is `number`, and who must notice."""

    name: str
    unit: str
    number: int
    edits: tuple[Edit, ...]
    notice: Notice

    @property
    def shown_by(self) -> str:
        """The source of the contract that is deployed with it."""
        own = self.notice.shown_by if isinstance(self.notice, Check) else ""
        return own or SHOWN_BY.get(self.unit, self.unit)


def every_mutant(survey: Survey) -> list[Mutant]:
    """One for each guard whose noticer is named, and one for each weakening, by source."""
    known = [
        (guard.name, guard.unit, guard.edits, NOTICED[guard.name]) for guard in survey.guards if guard.name in NOTICED
    ]
    for name, unit, old, new, notice in WEAKENINGS:
        at = (ROOT / unit).read_bytes().index(old.encode())
        known.append((name, unit, (Edit(unit, at, 0, new, len(old.encode())),), notice))
    mutants = [Mutant(name, unit, FIRST + at, edits, notice) for at, (name, unit, edits, notice) in enumerate(known)]
    return sorted(mutants, key=lambda mutant: mutant.unit)


def switched(unit: str, mutants: Iterable[Mutant], modifiers: Sequence[Edit]) -> Artifact:
    """The contract of a source, with the switch of every mutant whose source it is made from."""
    edits: dict[str, list[Edit]] = defaultdict(list)
    for mutant in mutants:
        for edit in mutant.edits:
            numbered = replace(edit, text=edit.text.replace(NUMBER, str(mutant.number)))
            edits[edit.unit].append(numbered)
    for edit in modifiers:
        edits[edit.unit].append(edit)
    request = standard_input([unit])
    for name, source in request["sources"].items():
        source["content"] = _edited(source["content"].encode(), edits[name]).decode()
    output: dict[str, Any] = solcx.compile_standard(request, solc_binary=find_compiler())
    name = Path(unit).stem
    made = output["contracts"][unit][name]
    code, runtime = (made["evm"][kind]["object"] for kind in ("bytecode", "deployedBytecode"))
    return Artifact(name, unit, made["abi"], f"0x{code}", f"0x{runtime}", "")


def _edited(text: bytes, edits: Sequence[Edit]) -> bytes:
    """The text with all edits; a function with a switch reads the block, and is `pure` no more."""
    return re.sub(rb"\bpure\b", b"view", applied(text, edits)) if edits else text
