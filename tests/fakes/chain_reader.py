"""A ChainReader over plain dictionaries."""

from dataclasses import dataclass, field

from server.domain.evidence import Mined, TransferLog


@dataclass
class FakeChainReader:
    """A chain that stands still at `height`. Keys are addresses in any case; what is missing is zero or empty."""

    height: int = 100
    balances: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    codes: dict[str, bytes] = field(default_factory=dict)
    logs: list[TransferLog] = field(default_factory=list)
    outcomes: dict[str, Mined] = field(default_factory=dict)
    unavailable: Exception | None = None

    async def block_number(self) -> int:
        return self._answer(self.height)

    async def balance(self, address: str) -> int:
        return self._answer(_at(self.balances, address, 0))

    async def token_balance(self, asset: str, address: str, block: int | None = None) -> int:
        return self._answer(_at(self.tokens, address, 0))

    async def transaction_count(self, address: str, block: int | None = None) -> int:
        return self._answer(_at(self.sent, address, 0))

    async def code(self, address: str) -> bytes:
        return self._answer(_at(self.codes, address, b""))

    async def mined(self, transaction: str) -> Mined | None:
        return self._answer(self.outcomes.get(transaction.lower()))

    async def transfers(
        self, asset: str, address: str, from_block: int = 0, to_block: int | None = None
    ) -> list[TransferLog]:
        wanted = address.lower()
        found = [
            log
            for log in self.logs
            if log.asset.lower() == asset.lower()
            and wanted in (log.sender.lower(), log.recipient.lower())
            and from_block <= log.block <= (self.height if to_block is None else to_block)
        ]
        return self._answer(sorted(found, key=lambda log: (log.block, log.log_index)))

    def _answer(self, value):
        if self.unavailable:
            raise self.unavailable
        return value


def _at(table, address, missing):
    return {key.lower(): value for key, value in table.items()}.get(address.lower(), missing)
