"""On sale: the launch pass, of which the contract LaunchPass mints exactly one."""

from server.services.passes import pass_service

SERVICE = pass_service(
    slug="launch-pass",
    title="Launch pass (edition of one)",
    summary="The only launch pass there is, minted to its first payer; later payers are refunded on chain.",
    callback="LaunchPass",
    amount=2_500_000,
    tags=("delegate", "pass", "nft", "limited"),
)
