"""Keys and passwords: by the form that their makers give them, or because the words before them say so."""

import re
from collections.abc import Iterator

from agent.privacy.findings import Finding, Label

_BASE58 = "[1-9A-HJ-NP-Za-km-z]"
_MAKERS = (
    r"(?:sk|rk|pk)[_-](?:live|test|proj|ant|or|prod|svcacct)[_-][\w-]{8,}",
    r"sk-[A-Za-z0-9_-]{16,}",
    r"gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{20,}|glpat-[\w-]{16,}",
    r"xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}",
    r"(?:AKIA|ASIA|AROA|AGPA)[A-Z0-9]{12,}",
    r"AIza[\w-]{30,}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}",
    r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}",
    r"npm_[A-Za-z0-9]{30,}|pypi-[\w-]{20,}|hf_[A-Za-z0-9]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|key-[0-9a-f]{32}",
    r"dop_v1_[0-9a-f]{40,}|shpat_[0-9a-f]{20,}|whsec_[\w-]{16,}|EAAC\w{20,}",
    rf"[xyz]prv{_BASE58}{{60,}}|[5KL]{_BASE58}{{50,51}}|{_BASE58}{{86,88}}",
    r"[A-Za-z][A-Za-z0-9]{1,12}_(?:live|test|secret|prod)_[A-Za-z0-9_-]{12,}",
)
_FORMS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    rf"|(?<![\w-])(?:{'|'.join(_MAKERS)})(?![\w-])",
    re.DOTALL,
)
_WALLET = (
    "private[ _-]?key|priv[ _-]?key|secret[ _-]?key|signing[ _-]?key|wallet[ _-]?key|clave privada|schlussel"
    "|seed(?:[ _-]?hex)?|mnemonic|pk|sk|priv"
)
_SERVICE = (
    "(?:api|access|auth|client|refresh|session)[ _-]?(?:key(?:[ _-]?id)?|token|secret)"
    "|secret[ _-]?access[ _-]?key|secret|auth|bearer|credential|key|token"
)
_PASSWORD = (
    r"password|passwd|passphrase|passcode|pwd|pass(?=\s?[:=])|pin(?: code)?|kennwort|passwort|contrasena|mot de passe"
    "|senha|haslo"
)
_TOLD = re.compile(
    rf"(?<![^\W_])(?:(?P<wallet>{_WALLET})|(?P<service>{_SERVICE})|(?P<password>{_PASSWORD}))(?![^\W_])"
    r"(?:(?:\s[^\W\d_]+){0,4}?\s?(?:\bis\b|:|=)|[\s_]{0,2}(?:was|ist|es)?)[\s:=\"'`<(]{1,4}(?P<value>[^\s\"'`,;&<>)}\]]{4,})",
    re.IGNORECASE,
)
_PUBLIC = re.compile(r"0x[0-9a-fA-F]{40}|[\w.-]+@[\w.-]+|https?:.*", re.DOTALL)
_HEX_KEY = re.compile(r"(?:0x)?[0-9a-fA-F]{64}")
_OPEN_KEY = re.compile(
    r"(?:public|pub|publishable|idempotency|storage|cache|partition|primary|foreign|sort|object|lookup|map|index|event)[\s_-]?$",
    re.IGNORECASE,
)
_SIGN = re.compile(r"\W")


def keys(text: str) -> Iterator[Finding]:
    """Keys of wallets and services, and passwords."""
    for match in _FORMS.finditer(text):
        yield Finding(match.start(), match.end(), Label.KEY)
    for match in _TOLD.finditer(text):
        value = match["value"].rstrip(".!?")
        if _secret(value, match):
            start = match.start("value")
            yield Finding(start, start + len(value), Label.KEY)


def _secret(value: str, match: re.Match[str]) -> bool:
    """Whether the value that some word announces could be one: no address, and of a password not another word."""
    mixed = any(one.isdigit() for one in value) and any(one.isalpha() for one in value)
    if match["password"]:
        if value.startswith("http") or value.endswith(("=", "(")):
            return False
        quoted = match.string[match.start("value") - 1] in "\"'`"
        return (
            mixed
            or bool(_SIGN.search(value))
            or quoted
            or (match["password"].lower().startswith("pin") and value.isdigit())
        )
    if _PUBLIC.fullmatch(value) or len(value) < 16 or _OPEN_KEY.search(match.string, 0, match.start()):
        return False
    hexadecimal = bool(_HEX_KEY.fullmatch(value))
    if match["wallet"]:
        return hexadecimal or mixed
    if hexadecimal and match["service"].lower() in ("key", "token", "auth"):
        return match["service"].lower() == "key" and match.string[match.start("value") - 1] != '"'
    return mixed
