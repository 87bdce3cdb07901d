"""The facilitator: verifies payments against the chain and settles them, each at most once."""
