"""A job as a person, or a model, writes it: what is wanted, in which order, from which input, for how much at most."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from agent.errors import AgentError
from agent.merchant_rules import Strict
from protocol.amounts import atomic
from protocol.errors import ProtocolError

DECIMALS = 36
_REFERENCE = re.compile(r"\{([a-z][a-z0-9_]*)((?:\.[A-Za-z0-9_-]+|\[[0-9]+\])*)\}")
_PART = re.compile(r"\.([A-Za-z0-9_-]+)|\[([0-9]+)\]")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class JobError(AgentError):
    """A job that cannot be read, or whose answers do not hold what a later step takes from them."""


class Step(Strict, frozen=True):
    """One thing to buy. `want` is what discovery is asked for; the cheapest for its standing is bought.

    In `input`, `{step.field.list[0]}` stands for what an earlier step answered: alone in a text, as the value it is.
    An `optional` step is left out where the budget, or no offer, lets it be; what takes from it is left out with it.
    """

    id: str
    want: str
    input: dict[str, Any] = {}
    optional: bool = False
    most: str = ""

    def needs(self) -> set[str]:
        """The steps whose answers it takes something from."""
        return {match[1] for match in _REFERENCE.finditer(msgspec.json.encode(self.input).decode())}


class Job(Strict, frozen=True):
    """Steps in their order, under one budget in units of the policy's assets; `task` names it and what it bought."""

    task: str
    budget: str
    steps: tuple[Step, ...]
    sellers: tuple[str, ...] = ()


def load(path: Path) -> Job:
    """The job in a file: TOML, or JSON where its name ends so. Raises JobError."""
    decode = msgspec.json.decode if path.suffix == ".json" else msgspec.toml.decode
    try:
        return checked(decode(path.read_text(encoding="utf-8"), type=Job))
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(f"the job {path} cannot be read ({type(error).__name__})", "check its path") from error
    except msgspec.DecodeError as error:
        raise JobError(f"{path}: {error}", "see docs/guides/jobs.md for a whole one") from error


def checked(job: Job) -> Job:
    """Everything the types cannot say. Raises JobError."""
    known: set[str] = set()
    for step in job.steps:
        if not _NAME.fullmatch(step.id) or step.id in known:
            raise JobError(f"{step.id!r} does not name a step of its own", "give each another name, in small letters")
        if unknown := step.needs() - known:
            raise JobError(f"{step.id} takes from {min(unknown)!r}, which is no step before it", "mend its order")
        if step.most:
            units(step.most, f"{step.id}.most")
        known.add(step.id)
    if not job.steps:
        raise JobError("the job has no steps", "say what is wanted")
    units(job.budget, "budget")
    return job


def units(amount: str, key: str) -> int:
    """An amount in the common measure of 36 decimals."""
    try:
        return atomic(amount, DECIMALS)
    except ProtocolError as error:
        raise JobError(f"{key}: {error.detail}", 'write it like "0.50"') from error


def filled(value: Any, answers: Mapping[str, Any]) -> Any:
    """An input with what earlier steps answered. Raises JobError where an answer has no such place."""
    if isinstance(value, dict):
        return {key: filled(one, answers) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one, answers) for one in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole is not None:
        return _at(answers, whole)
    return _REFERENCE.sub(lambda match: str(_at(answers, match)), value)


def _at(answers: Mapping[str, Any], reference: re.Match[str]) -> Any:
    found = answers[reference[1]]
    for name, index in _PART.findall(reference[2]):
        try:
            found = found[name] if name else found[int(index)]
        except (KeyError, IndexError, TypeError) as error:
            raise JobError(
                f"{reference[0]}: the answer has no such place", "look at what that service returns"
            ) from error
    return found
