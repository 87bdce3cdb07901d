"""Numbers of identities: by their own shape and check digits, or because the words before them say so."""

import re
from collections.abc import Callable, Iterator

from agent.privacy import checks
from agent.privacy.findings import Finding, Label
from agent.privacy.vocabulary import vocabulary

_SEPARATORS = re.compile(r"[\s.\-/]")
_DIGIT = re.compile(r"\d")
_NOT_DIGIT = re.compile(r"\D")


def _any(_: str) -> bool:
    return True


_SHAPES: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = tuple(
    (re.compile(rf"(?<![\w.-]){pattern}(?![\w-])"), check)
    for pattern, check in (
        (r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}", _any),  # United States
        (r"(?!000|666|9)\d{3}[ .](?!00)\d{2}[ .](?!0000)\d{4}", _any),
        (r"\d{3}\.\d{3}\.\d{3}-\d{2}", _any),  # Brazil
        (r"\d{11}", checks.cpf),
        (r"\d{6}(?:19|20)\d\d(?:0[1-9]|1[0-2])[0-3]\d{4}[\dXx]", checks.resident),  # China
        (r"[XYZ]?\d{7,8}-?[A-Z]", lambda text: len(text) == 9 and checks.dni(text)),  # Spain
        (r"[12] ?\d\d ?(?:0[1-9]|1[0-2]) ?\d[\dAB] ?\d{3} ?\d{3}(?: ?\d\d)?", lambda text: len(text) >= 13),  # France
        (r"[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]", _any),  # Italy
        (r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]", _any),  # Britain
        (r"[STFG]\d{7}[A-Z]", _any),  # Singapore
        (r"[A-Z]{5}\d{4}[A-Z]", _any),  # India
        (r"(?<!\d )[2-9]\d{3} \d{4} \d{4}(?! \d)", _any),
        (r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z\d]\d", _any),  # Mexico
        (r"\d{6}-[1-4]\d{6}", _any),  # Korea
        (r"(?:19|20)?\d\d(?:0[1-9]|1[0-2])(?:[0-3]\d)[-+]\d{4}", lambda text: checks.luhn(text[-10:])),  # Sweden
        (r"\d{6}[-+A]\d{3}[\dA-Y]", _any),  # Finland
        (r"756\.\d{4}\.\d{4}\.\d\d", _any),  # Switzerland
    )
)
_IBAN = re.compile(r"(?<![\w.-])([A-Z]{2})\d{2}(?:[ .-]?[A-Z0-9]){11,30}", re.IGNORECASE)
_IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in vocabulary("iban")["lengths"]}

_WHAT = "|".join(sorted(vocabulary("papers")["patterns"], key=len, reverse=True))
_NUMBER = r"[A-Z]{0,3}[ -]?\d[A-Z0-9]*(?:[ ./-]?[A-Z0-9]*\d[A-Z0-9]*){0,8}|[A-Z0-9]*\d[A-Z0-9]{3,}"
_TOLD = re.compile(
    rf"(?<![^\W_])(?:{_WHAT})(?:[ _-]?(?:number|numero|nummer|num|no|nr|id|code|card)(?![^\W\d_]))?[\s.]{{0,3}}"
    r"(?:is|was|ist|est|no\.?|nr\.?|№|number|reads|号码?)?(?:[\s:=#(/\"'.,-]{1,4}|(?<=[号码]))"
    rf"(?P<number>(?:{_NUMBER})(?:-?[A-Z0-9])?)(?!\w)",
    re.IGNORECASE,
)
_FAR = re.compile(
    rf"(?<![^\W_])(?:{_WHAT})(?![^\W_])(?:[\s:,(\"'_{{}}-]+[^\W\d_]+){{1,4}}?[\s:=#(,\"'{{}}-]{{1,6}}"
    r"(?P<number>(?=(?:[^\W_]*\d){5})[A-Z0-9](?:[./-]?[A-Z0-9]){5,24})(?!\w)",
    re.IGNORECASE,
)


def identities(text: str) -> Iterator[Finding]:
    """Passports, tax and social security numbers, bank accounts and the like."""
    for pattern, check in _SHAPES:
        for match in pattern.finditer(text):
            if check(_SEPARATORS.sub("", match[0])):
                yield Finding(match.start(), match.end(), Label.ID)
    yield from _accounts(text)
    for match in (*_TOLD.finditer(text), *_FAR.finditer(text)):
        number = match["number"]
        enough = len(_DIGIT.findall(number)) >= 4 and len(number) <= 40
        if enough and not number.lower().startswith("0x") and not checks.card(_NOT_DIGIT.sub("", number)):
            yield Finding(*match.span("number"), Label.ID)


def _accounts(text: str) -> Iterator[Finding]:
    """Bank accounts: as many characters as the country's have, and their check digits."""
    for match in _IBAN.finditer(text):
        length, count = _IBAN_LENGTHS.get(match[1].upper(), 0), 0
        for index, character in enumerate(match[0]):
            count += character.isalnum()
            if count == length:
                if checks.iban(_SEPARATORS.sub("", match[0][: index + 1]).upper()):
                    yield Finding(match.start(), match.start() + index + 1, Label.ID)
                break
