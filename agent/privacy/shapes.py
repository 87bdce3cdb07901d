"""Personal data that has a shape: mail addresses, phone and card numbers, and the word lists of wallets."""

import re
from collections.abc import Iterator
from functools import lru_cache

from eth_account.hdaccount.mnemonic import Mnemonic
from eth_account.types import Language

from agent.privacy import checks
from agent.privacy.findings import Finding, Label

_MAIL = re.compile(r"[\w+'%-]+(?:\.[\w+'%-]+)*@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,24}(?![\w-])")
_OPEN, _SHUT = r"\s*[\[({<|]\s*", r"\s*[\])}>|]\s*"
_AT_WORDS, _DOT_WORDS = "at|arroba|chiocciola", "dot|punkt|punto|point|ponto"
_AT = rf"(?:{_OPEN}(?:{_AT_WORDS}|@|a|ät){_SHUT}|\s*@\s*|[\s_-]+(?:{_AT_WORDS})[\s_-]+)"
_DOT = rf"(?:{_OPEN}(?:{_DOT_WORDS}|\.|d){_SHUT}|\s*\.\s*|[\s_-]+(?:dot|punkt|punto|ponto)[\s_-]+)"
_TOPS = (
    "com|org|net|io|co|de|uk|fr|es|it|nl|pl|ru|jp|cn|kr|in|br|pt|se|no|fi|dk|ch|at|be|cz|gr|tr|mx|ar|cl|eu|us|ca|au|nz|za"
    "|info|biz|dev|app|me|xyz|example|test|invalid|edu|gov|ai|ie|hu|ro|bg|hr|ua|il|ae|sg|hk|tw|vn|id|th|my|ph|ng|ke"
)
_SPOKEN_MAIL = re.compile(
    rf"(?<![\w@])(?P<local>[^\W_][\w+-]*?(?:{_DOT}[\w+-]+?)*?)(?P<at>{_AT})"
    rf"[^\W_](?:[\w-]*?[^\W_])?(?:{_DOT}[^\W_][\w-]*?)*(?P<dot>{_DOT})(?:{_TOPS})(?![\w@])",
    re.IGNORECASE,
)
_SPOKEN_HINT = re.compile(rf"@|(?<![^\W_])(?:{_AT_WORDS}|a|ät)(?![^\W_])", re.IGNORECASE)
_PLAIN_AT = re.compile(r"[\s_-]+at[\s_-]+", re.IGNORECASE)
_NOT_A_WORD = re.compile(r"[\d._+-]")
_MAIL_BEFORE = re.compile(
    r"(?:e-?mail|mail|correo|courriel|contact|reach|write|address)\W{0,4}(?:\w+\W+){0,3}$", re.IGNORECASE
)

_CARD = re.compile(r"(?<![\w.,])(?:\d[ .,\-_/|]{0,3}){12,18}\d(?![\w])(?!\.\d)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?!\d)")
_NOT_DIGITS = re.compile(r"\D")

_PHONE_BEFORE = re.compile(
    r"(?<!\w)(?:phone|tel|telephone|mobile|cell|cellular|call|whatsapp|sms|fax|ring|dial|reach|handy|telefon\w*|telefono|movil"
    r"|celular|portable|rufnummer|my number|contact|тел\w*|телефон\w*|电话|手机|電話|전화)(?!\w)[^\n\d+]{0,25}$",
    re.IGNORECASE,
)
_PHONE = re.compile(r"(?<![\w.@$€£#-])(?:\+ ?|\(\+ ?)?\(?\d(?:[\s().\-/]{0,3}\d){6,14}(?!\w)(?!\.\d)")
_NATIONAL = re.compile(
    r"\(\d{2,5}\)[\s.-]?\d{2,4}(?:[\s.-]?\d{2,4}){1,2}"
    r"|(?:1[\s.-])?\d{3}[-. ]\d{3}[-. ]\d{4}"
    r"|\d(?:[ .-]\d){8,14}"
    r"|555[-. ]\d{4}"
    r"|0\d(?:[ .-]\d{2}){4}"
    r"|0\d{2,4}(?: ?/ ?|[ -])\d{3,8}(?:[ -]\d{2,6}){0,2}"
    r"|0\d{1,2}[ -]\d{3,4}[ -]\d{3,4}"
    r"|[679]\d{2} \d{3} \d{3}"
    r"|01[016789]-\d{3,4}-\d{4}"
    r"|1[3-9]\d-\d{4}-\d{4}"
    r"|00[1-9][\d\s().\-/]{9,}"
)
_UNIT = re.compile(r"\s?(?:[A-Z]{3,5}|wei|gwei|units?|tokens?|blocks?)\b")
_NO_PHONE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:\D.*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}(?:\D.*)?|\d{1,3}(?:\.\d{1,3}){3}", re.DOTALL
)

_AHEAD = 60
"""How many characters before a find may say what it is."""

_WORDS = re.compile(r"[a-z]{3,8}(?:[\s,;.\-_+|/\"'\d()\[\]]{1,8}[a-z]{3,8}){10,}", re.IGNORECASE)
_ONE_WORD = re.compile(r"[a-z]{3,8}", re.IGNORECASE)
_DIGIT_WORDS = frozenset(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"))
_LEAST_WORDS = 11
"""One short of a wallet's twelve: so many of its words in a row stand in no other text."""


def mails(text: str) -> Iterator[Finding]:
    """Mail addresses, also with their signs in words or brackets."""
    for match in _MAIL.finditer(text):
        yield Finding(match.start(), match.end(), Label.EMAIL)
    if _SPOKEN_HINT.search(text):
        for match in _SPOKEN_MAIL.finditer(text):
            if _is_mail(text, match):
                yield Finding(match.start(), match.end(), Label.EMAIL)


def _is_mail(text: str, match: re.Match[str]) -> bool:
    """`jane at example.com` may be a place; with a point that was written as a word it is none."""
    if match["dot"].strip() == "." and match["dot"] != "." and "@" not in match["at"]:
        return False
    if not _PLAIN_AT.fullmatch(match["at"]) or match["dot"].strip() != ".":
        return True
    return bool(
        _NOT_A_WORD.search(match["local"]) or _MAIL_BEFORE.search(text[max(match.start() - _AHEAD, 0) : match.start()])
    )


def cards(text: str) -> Iterator[Finding]:
    """Numbers of payment cards, however they are grouped."""
    for match in _CARD.finditer(text):
        if checks.card(_NOT_DIGITS.sub("", match[0])) and not _DATE.match(match[0]):
            yield Finding(match.start(), match.end(), Label.CARD)


def phones(text: str) -> Iterator[Finding]:
    """Phone numbers: international, in a country's usual groups, or said to be one."""
    for match in _PHONE.finditer(text):
        found = match[0]
        digits = len(_NOT_DIGITS.sub("", found))
        if _NO_PHONE.fullmatch(found.strip("+() ")) or digits > 15:
            continue
        international = found.lstrip("(").startswith("+") and digits >= 8
        if not international and _UNIT.match(text, match.end()):
            continue
        if (
            international
            or _NATIONAL.fullmatch(found)
            or _PHONE_BEFORE.search(text[max(match.start() - _AHEAD, 0) : match.start()])
        ):
            yield Finding(match.start(), match.end(), Label.PHONE)


def seeds(text: str) -> Iterator[Finding]:
    """Rows of words out of the list that wallets are restored from (BIP 39)."""
    for match in _WORDS.finditer(text):
        run: list[re.Match[str]] = []
        for word in [*_ONE_WORD.finditer(text, match.start(), match.end()), None]:
            if word is not None and word[0].lower() in seed_words():
                run.append(word)
                continue
            digits = sum(one[0].lower() in _DIGIT_WORDS for one in run)
            if len(run) >= _LEAST_WORDS and digits * 2 < len(run):
                yield Finding(run[0].start(), run[-1].end(), Label.KEY)
            run = []


@lru_cache(maxsize=1)
def seed_words() -> frozenset[str]:
    """The list: words of everyday English."""
    return frozenset(Mnemonic(Language.ENGLISH).wordlist)
