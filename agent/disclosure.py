"""The gate before the first byte leaves: personal data in a request is refused, put to a person, or taken out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import msgspec
from sqlalchemy import Connection

from agent import approvals
from agent.approvals import ZERO_ADDRESS, ApprovalTerms
from agent.clock import Clock
from agent.errors import ApprovalError, Refused, Withheld
from agent.models import State
from agent.outcome import Outcome
from agent.policy import Policy
from agent.privacy import Finding, redact, replaced, scan
from agent.privacy.vocabulary import vocabulary
from agent.store import Store
from agent.terms import REMOVED, Asked, origin_of
from agent.wallet import Signer
from protocol.wire import Resource

QUESTION = "dis_"
"""How the id of a question about personal data begins."""
MODE = "DISCLOSE"
"""The mode of an approval that lets personal data out and pays nothing."""
_OWN_HEADERS = vocabulary("headers")["own"]
"""What a client writes by itself, and credentials that are meant for this very seller."""
_MEMBER = re.compile(r"\"((?:[^\"\\]|\\.){1,80})\"\s*:")
_PARAMETER = re.compile(r"(?:^|[?&])([^=&?#]{1,80})=")
_PATH = re.compile(r"(?<![:/])/(?!/).*", re.DOTALL)
"""Of a URL, with query and fragment: as the gate looks at it."""
_QUOTE = re.compile(r"(?<!\\)(?:\\\\)*\"")


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a request that leaves as text: `kind` is path, query, body or header."""

    kind: str
    text: str
    name: str = ""

    def found(self) -> list[tuple[str, Finding]]:
        """What is personal in it, each with the field that it stands in."""
        shown = f"{self.name}={self.text}" if self.name else self.text
        ahead = len(shown) - len(self.text)
        inside = [
            Finding(max(one.start - ahead, 0), one.end - ahead, one.label) for one in scan(shown) if one.end > ahead
        ]
        return [(self._field(one.start), one) for one in inside]

    def redacted(self, found: list[Finding]) -> str:
        """The text without them; JSON stays JSON."""
        if self.kind != "body" or not self._json:
            return replaced(self.text, found)
        text = self.text
        for one in sorted(found, reverse=True):
            outside = len(_QUOTE.findall(text, 0, one.start)) % 2 == 0
            mark = f'"[{one.label}]"' if outside else f"[{one.label}]"
            text = text[: one.start] + mark + text[one.end :]
        return text

    @property
    def _json(self) -> bool:
        return self.text.lstrip()[:1] in ("{", "[")

    def _field(self, at: int) -> str:
        if self.kind == "header":
            return f"header.{self.name}"
        if self.kind == "path":
            query = self.text.find("?")
            if query < 0 or at < query:
                return "path"
        pattern, kind = (_MEMBER, "body") if self._json else (_PARAMETER, "query" if self.kind == "path" else "body")
        keys = [match[1] for match in pattern.finditer(self.text, 0, at)]
        return f"{kind}.{keys[-1]}" if keys else kind


@dataclass(frozen=True, slots=True)
class Gate:
    """Every request passes it once, before it is sent the first time."""

    policy: Policy
    store: Store
    clock: Clock
    signer: Signer

    def vet(self, request: httpx.Request, task: str) -> httpx.Request:
        """The request as it may leave. Raises Refused, and nothing may be sent.

        What was taken out is noted in its extensions, from where the purchase keeps it.
        """
        origin = origin_of(request.url)
        parts = list(_parts(request))
        found = [(part, field, one) for part in parts for field, one in part.found()]
        allowed = self.policy.personal(origin)
        held = [(part, field, one) for part, field, one in found if field not in allowed]
        if not held:
            return request
        told = ", ".join(dict.fromkeys(f"{one.label} in {field}" for _, field, one in held))
        rule = self.policy.file.privacy.found
        if rule == "redact":
            return _redacted(request, parts, [(part, one) for part, _, one in held], told)
        if rule == "ask":
            self._ask(Asked.of(request, task), told)
            return request
        raise Refused("privacy.found", f"personal data would leave: {told}")

    def answer(self, question: str) -> Outcome:
        """How a question stands: waiting, also for the call to be repeated; or refused. Raises ApprovalError."""
        with self.store.begin() as connection:
            state = approvals.approval(connection, question).state
        if state is approvals.ApprovalState.DENIED:
            return Outcome(status=State.REFUSED, rule="approval.denied", detail="the person said no")
        said = "a person has agreed: repeat the call"
        words = said if state is approvals.ApprovalState.APPROVED else "a person has not answered yet"
        return Outcome(status=State.WAITING, rule="privacy.ask", detail=words, purchase_id=question)

    def _ask(self, asked: Asked, told: str) -> None:
        """Put the question to a person. Returns once it is answered with yes, for this very request. Raises Refused."""
        approver, now = self.policy.approval.approver, self.clock.now()
        if not approver or approver == self.signer.address:
            raise Refused("privacy.nobody", f"personal data would leave: {told}; the policy names nobody to ask")
        question = f"{QUESTION}{asked.fingerprint()[:16]}"
        network = self.policy.file.networks[0]
        with self.store.begin() as connection:
            stored = _stored(connection, question)
            if stored is None or now >= stored.expires_at:
                expires = now + timedelta(minutes=self.policy.approval.valid_minutes)
                terms = _terms(question, asked, network, int(expires.timestamp()))
                approvals.forget(connection, question)
                approvals.put(connection, terms, approver, f"personal data would leave: {told}", now, expires)
                stored = None
        exact = None if stored is None else _terms(question, asked, network, stored.terms.expires)
        if stored is None or exact is None or not approvals.verify(stored, exact, approver, self.signer.address, now):
            raise _waits(told, question)


def _waits(told: str, question: str) -> Withheld:
    return Withheld(f"personal data would leave: {told}; when a person has agreed, repeat the call", question)


def _stored(connection: Connection, question: str) -> approvals.Approval | None:
    try:
        return approvals.approval(connection, question)
    except ApprovalError:
        return None


def _terms(question: str, asked: Asked, network: str, expires: int) -> ApprovalTerms:
    return ApprovalTerms(
        purchase_id=question,
        method=asked.method,
        url=asked.url,
        body_hash=asked.body_hash,
        network=network,
        asset=ZERO_ADDRESS,
        amount="0",
        pay_to=ZERO_ADDRESS,
        mode=MODE,
        callback=ZERO_ADDRESS,
        expires=expires,
    )


def _parts(request: httpx.Request) -> Iterator[Part]:
    fragment = f"#{request.url.fragment}" if request.url.fragment else ""
    yield Part("path", request.url.raw_path.decode("ascii") + fragment)
    if request.content:
        yield Part("body", _text(request.content))
    for name, value in request.headers.items():
        if name.lower() not in _OWN_HEADERS:
            yield Part("header", value, name.lower())


def _text(body: bytes) -> str:
    """UTF-8, else each byte as a character."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode("latin-1")


def _redacted(request: httpx.Request, parts: list[Part], held: list[tuple[Part, Finding]], told: str) -> httpx.Request:
    """The same request without them. Raises Refused where that leaves no request."""
    texts = {id(part): part.redacted([one for of, one in held if of is part]) for part in parts}
    url, headers, content = request.url, httpx.Headers(request.headers), request.content
    for part in parts:
        text = texts[id(part)]
        if part.kind == "path":
            url = url.copy_with(raw_path=_escaped(text.partition("#")[0]), fragment=None)
        elif part.kind == "header":
            headers[part.name] = text
        else:
            content = (
                text.encode()
                if _text(request.content) == request.content.decode(errors="ignore")
                else text.encode("latin-1")
            )
            if part.text.lstrip()[:1] in ("{", "["):
                _check_json(content, told)
    headers.pop("content-length", None)
    extensions = request.extensions | {REMOVED: told}
    return httpx.Request(request.method, url, headers=headers, content=content or None, extensions=extensions)


def _escaped(target: str) -> bytes:
    return target.replace("[", "%5B").replace("]", "%5D").encode("ascii")


def _check_json(content: bytes, told: str) -> None:
    try:
        msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise Refused("privacy.found", f"personal data would leave, and cannot be taken out: {told}") from error


def echoed(resource: Resource) -> Resource | None:
    """What a payment repeats of the seller's words, which may reach its facilitator: nothing, if they are personal."""
    place = _PATH.search(resource.url)
    origin, path = (resource.url[: place.start()], place[0]) if place else (resource.url, "")
    return None if any(scan(one) for one in (origin, path, resource.description or "")) else resource


def without_personal(value: Any) -> Any:
    """JSON with its texts redacted."""
    if isinstance(value, dict):
        return {key: without_personal(one) for key, one in value.items()}
    if isinstance(value, list):
        return [without_personal(one) for one in value]
    return redact(value) if isinstance(value, str) else value


def withheld(refusal: Refused) -> Outcome:
    """The outcome of a call that never left: there is no purchase of it, and nothing of it is kept."""
    if isinstance(refusal, Withheld):
        return Outcome(status=State.WAITING, rule=refusal.rule, detail=str(refusal), purchase_id=refusal.question)
    return Outcome(status=State.REFUSED, rule=refusal.rule, detail=str(refusal))
