"""Postal addresses: house number and street as they are written in some languages, with postcode and town."""

import re
from collections.abc import Iterator

from agent.privacy.findings import Finding, Label

_WORD = r"[^\W\d_](?:[\w'.-]*\w)?"
_NAME = r"(?-i:[A-Z\u0391-\u03a9\u0410-\u042f])[^\W\d_]*(?:['.-][^\W\d_]+)*"
_TOWN = rf"{_NAME}(?:[ -]{_NAME}){{0,2}}"
_POINT = r"(?:north|south|east|west|[ns][ew]|[nsew])\b\.?"
_UNIT = (
    r"(?:apt|apartment|unit|suite|ste|flat|floor|fl|bldg|block|#|piso|app|wohnung|lok|kv|кв)\.? ?#?[\w/-]{1,5}(?!\w)"
)
_CODES = (
    r"(?-i:[A-Z]{2}),? \d{5}(?:-\d{4})?(?!\w)",
    r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}(?!\w)",
    r"[A-Z]\d[A-Z] ?\d[A-Z]\d(?!\w)",
    r"\d{2}-\d{3}(?!\w)",
    r"\d{3} \d{2}(?!\w)",
    r"(?:[A-Z]{1,3}[- ])?\d{4,6}(?:-\d{3,4})?(?: (?-i:[A-Z]{2})(?!\w))?(?!\w)",
)
_CODES_ABROAD = rf"(?:{'|'.join(_CODES[:3])})"
_CODE = rf"(?:{'|'.join(_CODES)})"
_TAIL = (
    rf"(?:\s*,?\s*{_UNIT})?(?:\s*,\s*(?!(?-i:[A-Z]{{1,2}}\d)){_TOWN}(?!\w))?"
    rf"(?:\s*,?\s*{_CODE}(?:,? {_TOWN})?)?(?:\s*,\s*{_TOWN})?"
)
_NUMBER = r"\d{1,4}(?: ?[a-z]|[/-]\d{1,4})?(?!\w)(?!\.\d)"

_ENGLISH = (
    "street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|place|pl|square|sq|terrace|way|close"
    "|crescent|cres|parkway|pkwy|highway|hwy|circle|cir|grove|gardens|mews|row|hill|walk|trail|alley|quay|crossing"
)
_GERMANIC = (
    "strasse|str\\.|gasse|weg|allee|platz|damm|ufer|steig|straat|laan|gracht|plein|kade|gatan|vagen|gata|veien|vej"
    "|gade|katu|utca"
)
_APART = "strasse|allee|platz|ut|utja|utca|caddesi|cad\\.|sokak|sok\\.|sokagi|bulvari"
_FRENCH = "rue|avenue|av\\.|boulevard|bd|place|chemin|allee|impasse|quai|cours|route"
_SOUTHERN = (
    "calle|c/|avenida|avda\\.?|av\\.|paseo|plaza|carrer|camino|carrera|rua|travessa|praca|alameda|via|viale|corso|piazza"
    "|largo|vicolo|ulica|ul\\.|aleja|al\\.|os\\.|strada|bulevardul|ulitsa|улица|ул\\.|проспект|пр\\.|пер\\.|вулиця|вул\\."
    "|οδος|jalan|jl\\.|duong"
)
_STOP = "in|of|to|the|and|for|at|on|is|a|an|per|by|with|or|from|as|are|was|not"
_FORMS = (
    rf"(?<![\w.#-])(?:{_UNIT},? )?\d{{1,5}}[A-Za-z]?(?:[-/]\d{{1,4}})?,? (?:{_POINT} )?"
    rf"(?!(?:{_STOP})\b)(?:(?:{_WORD}|\d{{1,3}}(?:st|nd|rd|th)) ){{1,4}}?(?:{_ENGLISH})\b\.?(?: {_POINT})?{_TAIL}",
    rf"(?<!\w)(?:{_NAME}[ -]){{0,3}}{_WORD}?(?:{_GERMANIC}) ?{_NUMBER}{_TAIL}",
    rf"(?<!\w)(?:{_NAME} ){{1,2}}(?:{_APART})(?: no:?)? ?{_NUMBER}{_TAIL}",
    rf"(?<!\w)\d{{1,4}}(?: (?:bis|ter))?,? (?:{_FRENCH})(?: (?:de l'|de la|de|du|des|la|les|le|d'|l'))* ?"
    rf"{_WORD}(?:[ -]{_NAME}){{0,3}}{_TAIL}",
    rf"(?<!\w)(?:{_SOUTHERN})(?: |(?<=[./])) ?(?:{_WORD},? ){{0,4}}{_WORD},? ?(?:n[.o]*|nr\.?|no\.?|д\.|дом|km)? ?"
    rf"{_NUMBER}{_TAIL}",
    rf"(?<!\w)(?:{_NAME} ){{1,3}}\d{{1,4}}[a-z]?,? (?:(?-i:[A-Z]{{1,2}})-)?\d{{4,5}} {_TOWN}",
    rf"(?<![\w.#-])\d{{1,5}}[A-Za-z]? {_NAME}(?: {_NAME}){{0,3}},? {_TOWN},? {_CODES_ABROAD}(?:,? {_TOWN})?",
    r"(?<!\w)(?:flat|house|plot|villa|unit|apartment|apt|block|tower|building)\.? (?:no\.? ?)?\w{1,5},"
    r"(?: ?[\w'./-]+){1,4},"
    rf"(?: ?[\w'./-]+){{1,5}}(?:,? ?{_CODE})?",
    r"(?<!\w)(?:p\.?\s?o\.? box|postfach|apartado) \d{1,6}",
    r"[\u4e00-\u9fff]{2,8}[省市区县都道府県](?:[\u4e00-\u9fff\u3040-\u30ff]{1,10}[市区县町村路街道])*"
    r"[\u4e00-\u9fff\u3040-\u30ff]{0,8}[\d一二三四五六七八九十]+(?:[号弄室栋楼番丁目地-]+\d*)*",
)
_STREETS = re.compile("|".join(_FORMS), re.IGNORECASE)
_HOME = re.compile(
    r"(?<!\w)(?:lives? at|living at|resid(?:es|ing) at|residence(?: is)?:?|home address(?: is)?:?|my address is"
    r"|shipped to|deliver(?:ed)? to|ship to|wohnhaft in|habite (?:au|a)|vive en|domicilio:?)\s+"
    r"(?P<place>(?=[^.;\n]*\d)[^;\n\"]{6,80}?)"
    r"(?=\.(?:\s|$)|;|\n|\"|$| (?:and|but|or|because|since|who|which|whose|has|is|was|to|for|y|et|und)\b)",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d|[一二三四五六七八九十]号")


def addresses(text: str) -> Iterator[Finding]:
    """Street addresses."""
    if not _DIGIT.search(text):
        return
    for match in _HOME.finditer(text):
        if " " in match["place"].strip() and any(one.isalpha() for one in match["place"]):
            yield Finding(*match.span("place"), Label.ADDRESS)
    for match in _STREETS.finditer(text):
        yield Finding(match.start(), match.start() + len(match[0].rstrip(" ,")), Label.ADDRESS)
