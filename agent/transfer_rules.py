"""The policy's table `[[transfers]]`: to whom the wallet's own money may be sent by `paddock-agent transfer`."""

import msgspec

from protocol.signatures import parse_address


class TransferRules(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """An address, and how much of each asset may go there in any 24 hours; without `per_day` what the limits leave."""

    to: str
    per_day: str = ""

    def checked(self, key: str) -> "TransferRules":
        """With its address checksummed. Raises ProtocolError, naming the key."""
        return msgspec.structs.replace(self, to=parse_address(self.to, f"{key}.to"))
