"""The one error of this leaf: a message from the other side that cannot be accepted as it is."""


class ProtocolError(ValueError):
    """Bad input on the wire.

    `reason` is the machine-readable x402 error code (stable), `detail` says what was wrong in words
    and never quotes a signature or a whole payload.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
