"""On sale: an access pass, minted to the payer by the contract AccessPass."""

from server.services.passes import pass_service

SERVICE = pass_service(
    slug="access-pass",
    title="Access pass",
    summary="An ERC-721 access pass, minted to the payer by the payment itself; refunded on chain if that fails.",
    callback="AccessPass",
    amount=1_000_000,
    tags=("delegate", "pass", "nft"),
)
