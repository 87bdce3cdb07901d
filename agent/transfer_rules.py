"""The policy's tables about chain transactions: `[[transfers]]`, to whom `paddock-agent transfer` may send the wallet's
own money, and `[signer]`, what a signer of its own lets them cost."""

import msgspec

from protocol.signatures import parse_address

COIN_DECIMALS = 18


class TransferRules(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """An address, and how much of each asset may go there in any 24 hours; without `per_day` what the limits leave."""

    to: str
    per_day: str = ""

    def checked(self, key: str) -> "TransferRules":
        """With its address checksummed. Raises ProtocolError, naming the key."""
        return msgspec.structs.replace(self, to=parse_address(self.to, f"{key}.to"))


class SignerRules(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The most of each chain's own coin that may become gas in any 24 hours; without `gas_per_day` nothing may."""

    gas_per_day: str = ""
