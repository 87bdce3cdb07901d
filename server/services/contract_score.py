"""On sale: one figure for the risk of a contract, with what it adds up from."""

from typing import Annotated

from msgspec import Meta, Struct

from server.services.contract_risk import EXAMPLE, CodeArguments, scanned
from server.services.risk_rules import RATINGS, Rating, Severity
from server.services.service import Answer, Context, Service, json_answer

MODERATE = next(least for least, rating in RATINGS if rating == "moderate")


class ScoreArguments(CodeArguments):
    """Exactly one of `bytecode` and `address`, and the score from which on the contract is not acceptable to you."""

    refuse_from: Annotated[int, Meta(ge=1, le=101, description="101 accepts every contract.")] = MODERATE


class Reason(Struct):
    """A kind of finding, and the points that it adds."""

    id: str
    severity: Severity
    points: int
    detail: str


class ScoreReport(Struct):
    """`score` is 0 (nothing found) to 100: the sum of the reasons' points, at most 100, by the rules of contract-risk.

    `acceptable` is whether it is below `refuse_from`. `code_hash` says what was judged: keccak256, 0x-hex. It judges
    what code can do, and not what its owner will; `address` is null for code that was sent.
    """

    address: str | None
    code_hash: str
    score: int
    rating: Rating
    refuse_from: int
    acceptable: bool
    reasons: list[Reason]


async def run(arguments: ScoreArguments, context: Context) -> Answer:
    """Raises ServiceError for an address without code (404) and for creation code (422)."""
    read = await scanned(arguments, context)
    return json_answer(
        ScoreReport(
            address=read.address,
            code_hash=read.code_hash,
            score=read.score,
            rating=read.rating,
            refuse_from=arguments.refuse_from,
            acceptable=read.score < arguments.refuse_from,
            reasons=[Reason(one.id, one.severity, one.weight, one.detail) for one in read.findings],
        )
    )


SERVICE = Service(
    slug="contract-score",
    title="Contract risk score",
    summary="One figure from 0 to 100 for a contract's risk, its reasons, and whether it is below your limit.",
    kind="security API",
    unit="score",
    amount=20_000,
    method="POST",
    arguments=ScoreArguments,
    answers=ScoreReport,
    example={"bytecode": EXAMPLE},
    run=run,
    tags=("security", "score", "bytecode"),
)
