"""An EVM chain in memory: blocks, a mempool, signed transactions, finality, reorganisations and bad weather."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from eth_utils.crypto import keccak

from protocol.payment import Method
from scripts.accounts import account
from server.domain.errors import Reverted
from server.domain.evidence import TRANSFER, LoggedEvent, Mined, Spend, TransferLog, topic, transfers_of
from server.domain.market import Asset, Contract, Market
from server.domain.outages import ChainUnavailable
from server.ports import Call, Clock, Fees
from tests.fakes.anchors import ANCHOR
from tests.fakes.blocks import Block, Sent, decode_transaction, transfer_of
from tests.fakes.contracts import SETTLER, contracts
from tests.fakes.escrow import ESCROW, ESCROW_ABI
from tests.fakes.evm import CHAIN_ID, TOKEN, Frame, State
from tests.fakes.evm import Contract as Code
from tests.fakes.executor import EXECUTOR, EXECUTOR_ABI
from tests.fakes.new_wallets import FACTORY, WALLET_SETTLER
from tests.fakes.passes import LAUNCH, PASS, PASS_ABI
from tests.fakes.registries import IDENTITIES, REPUTATION
from tests.fakes.stand_ins import stand_in
from tests.fakes.tokens import DAI

ETHER = 10**18
MOST_EMPTY_BLOCKS = 64
DOLLAR = Asset(TOKEN, "USDC", "2", 6, "USDC")
DAI_ASSET = Asset(DAI, "Dai Stablecoin", "1", 18, "DAI", Method.PERMIT2)


def fake_market(chain_id: int = CHAIN_ID, assets: tuple[Asset, ...] = (DOLLAR,)) -> Market:
    """The market on a fake chain, with the same accounts and contract names as the devnet's."""
    deployed = {
        "TestUSD": Contract(TOKEN, ()),
        "BatchSettler": Contract(SETTLER, ()),
        "WalletSettler": Contract(WALLET_SETTLER, ()),
        "AccessPass": Contract(PASS, PASS_ABI),
        "LaunchPass": Contract(LAUNCH, PASS_ABI),
        "EscrowRelease": Contract(ESCROW, ESCROW_ABI),
        "ProofAnchor": Contract(ANCHOR, ()),
        "DelegateExecutor": Contract(EXECUTOR, EXECUTOR_ABI),
        "IdentityRegistry": Contract(IDENTITIES, ()),
        "ReputationRegistry": Contract(REPUTATION, ()),
    }
    return Market(chain_id, assets, account("delegate").address, deployed, frozenset({FACTORY}))


@dataclass
class FakeChain:
    """Implements ports.Chain. A block a `block_seconds` of the clock, and with `automine` one at once for what is sent.

    `unavailable`: every method raises ChainUnavailable. `lag`: answers are that many blocks old. `drop_next`: so many
    broadcasts are accepted and forgotten. `lose_next`: so many broadcasts arrive, and their answers do not.
    `least_fee`: what offers less waits.
    """

    clock: Clock
    finality: int = 2
    id: int = CHAIN_ID
    block_seconds: int = 1
    automine: bool = True
    unavailable: bool = False
    lag: int = 0
    drop_next: int = 0
    lose_next: int = 0
    least_fee: int = 0
    blocks: list[Block] = field(default_factory=list)
    pending: dict[tuple[str, int], Sent] = field(default_factory=dict)
    broadcasts: list[bytes] = field(default_factory=list)
    _forks: Iterator[int] = field(default_factory=itertools.count)
    _outcomes: dict[str, Mined] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._contracts = contracts(account("delegate").address)
        genesis = self._now() - 10 * self.block_seconds
        self.blocks = [Block(0, self._hash(0), genesis, State())]
        self._catch_up()

    # ------------------------------------------------------------------------------------------ a test's levers

    @property
    def state(self) -> State:
        """What the newest block left. A change by a test has no transaction, and may show in older blocks too."""
        return self.blocks[-1].state

    def give(self, address: str, amount: int, token: str = TOKEN) -> None:
        """Mint, without a trace on the chain."""
        money = self.state.books(token).money
        money[address] = money.get(address, 0) + amount

    def allow(self, owner: str, spender: str, amount: int, token: str) -> None:
        """What the owner lets a spender take, without a trace on the chain."""
        self.state.books(token).allowances[owner, spender] = amount

    def deploy(self, contract: Code) -> None:
        """Put code at its address, in place of what is there."""
        self._contracts[contract.address] = contract

    def mine(self, blocks: int = 1) -> None:
        """What waits, then empty blocks up to so many."""
        for _ in range(blocks):
            self._add_block(max(self._now(), self.blocks[-1].timestamp + 1))

    def reorganise(self, depth: int, keep: bool = False) -> list[Block]:
        """Replace the newest blocks by others of the same height; `keep` puts their transactions back to wait.

        Returns the blocks that are gone.
        """
        gone = self._cut(len(self.blocks) - depth)
        waiting, self.pending = self.pending, {}
        for block in gone:
            self._add_block(block.timestamp)
        self.pending = waiting
        for sent in (sent for block in gone for sent in block.transactions if keep):
            self.pending[sent.sender, sent.nonce] = sent
        return gone

    def restore(self, blocks: list[Block]) -> None:
        """What a reorganisation took is the chain after all, and those in its place are gone."""
        self._cut(blocks[0].number)
        self.blocks += blocks
        self._outcomes |= {one.transaction: one for block in blocks for one in block.mined}

    def _cut(self, height: int) -> list[Block]:
        """Take away every block from that height on."""
        gone, self.blocks = self.blocks[height:], self.blocks[:height]
        assert self.blocks, "the genesis block stays"
        for undone in (mined for block in gone for mined in block.mined):
            del self._outcomes[undone.transaction]
        return gone

    # --------------------------------------------------------------------------------------------------- reading

    async def close(self) -> None:
        """Nothing is open."""

    async def chain_id(self) -> int:
        self._look()
        return self.id

    async def block_number(self) -> int:
        return self._look().number

    async def recent_block(self) -> int:
        return self._look().number

    async def final_block(self) -> int:
        return max(0, self._look().number - self.finality)

    async def block_time(self, number: int) -> int:
        self._look()
        return self.blocks[number].timestamp

    async def balance(self, address: str) -> int:
        self._look()
        return 10_000 * ETHER

    async def block_hash(self, number: int) -> str | None:
        return self.blocks[number].hash if number <= self._look().number else None

    async def token_balance(self, asset: str, address: str, block: int | None = None) -> int:
        state = self._look().state if block is None else self.blocks[block].state
        return state.books(asset).money.get(address, 0)

    async def allowance(self, asset: str, owner: str, spender: str) -> int:
        return self._look().state.books(asset).allowances.get((owner, spender), 0)

    async def transaction_count(self, address: str, block: int | None = None) -> int:
        state = self._look().state if block is None else self.blocks[block].state
        return state.nonces.get(address, 0)

    async def next_nonce(self, address: str) -> int:
        nonce = self._look().state.nonces.get(address, 0)
        while (address, nonce) in self.pending:
            nonce += 1
        return nonce

    async def code(self, address: str) -> bytes:
        made = self._look().state.made
        return b"\x60\x80" if address in self._contracts or address in made else b""

    async def nonce_used(self, spend: Spend, block: int | None = None) -> bool:
        state = self._look().state if block is None else self.blocks[block].state
        used = state.permits if spend.method is Method.PERMIT2 else state.books(spend.asset).used
        return (spend.payer, spend.nonce) in used

    async def spent_in(self, spend: Spend, from_block: int) -> list[TransferLog]:
        by_permit2 = spend.method is Method.PERMIT2
        named = [
            mined
            for block in self._seen(from_block)
            for sent, mined in zip(block.transactions, block.mined, strict=True)
            if not by_permit2 or spend.executed or spend.nonce in sent.data
        ]
        return [found for mined in named for found in transfers_of(mined, spend)]

    async def mined(self, transaction: str) -> Mined | None:
        newest, mined = self._look().number, self._outcomes.get(transaction)
        return mined if mined and mined.block <= newest else None

    async def transfers(
        self, asset: str, address: str, from_block: int = 0, to_block: int | None = None
    ) -> list[TransferLog]:
        return [
            transfer_of(mined, log)
            for block in self._seen(from_block, to_block)
            for mined in block.mined
            for log in mined.logs
            if log.address == asset and log.topics[0] == TRANSFER and topic(address) in log.topics[1:]
        ]

    async def events(self, contract: str, from_block: int, to_block: int) -> list[LoggedEvent]:
        mined = [one for block in self._seen(from_block, to_block) for one in block.mined]
        found = [(one, log) for one in mined for log in one.logs if log.address == contract]
        return [LoggedEvent(one.transaction, one.block, one.block_hash, log) for one, log in found]

    async def call(self, call: Call) -> bytes:
        return self._simulate(call)[1]

    async def preview(self, call: Call, code: Mapping[str, bytes]) -> bytes:
        there = {address: stand_in(address, runtime) for address, runtime in code.items()}
        return self._simulate(call, there)[1]

    async def estimate_gas(self, call: Call) -> int:
        return 21_000 + 200 * len(call.data) + self._simulate(call)[0].gas

    async def fees(self) -> Fees:
        self._look()
        return Fees(max(3_000_000_000, self.least_fee), 1_000_000_000)

    # --------------------------------------------------------------------------------------------------- writing

    async def send(self, raw: bytes) -> None:
        self._look()
        self.broadcasts.append(raw)
        if self.drop_next:
            self.drop_next -= 1
            return
        sent = decode_transaction(raw, self.id)
        there = self.pending.get((sent.sender, sent.nonce))
        if there and there.hash != sent.hash and sent.max_fee * 10 < there.max_fee * 11:
            raise ChainUnavailable("eth_sendRawTransaction was refused by the node: replacement underpriced")
        if sent.nonce >= self.state.nonces.get(sent.sender, 0):
            self.pending[sent.sender, sent.nonce] = sent
        if self.automine and self._ready():
            self._add_block(max(self._now(), self.blocks[-1].timestamp))
        if self.lose_next:
            self.lose_next -= 1
            raise ChainUnavailable("eth_sendRawTransaction did not get through: TimeoutError")

    def _look(self) -> Block:
        """The newest block that a caller may see."""
        if self.unavailable:
            raise ChainUnavailable("the fake chain is unavailable")
        self._catch_up()
        return self.blocks[max(0, len(self.blocks) - 1 - self.lag)]

    def _seen(self, from_block: int, to_block: int | None = None) -> list[Block]:
        newest = self._look().number if to_block is None else min(to_block, self._look().number)
        return self.blocks[from_block : newest + 1]

    def _simulate(self, call: Call, other: Mapping[str, Code] | None = None) -> tuple[Frame, bytes]:
        """A call on top of the newest block that a caller may see, which leaves no trace."""
        block = self._look()
        now = max(block.timestamp, self._now())
        frame = Frame(block.state.copy(), now, self._contracts | dict(other or {}), self.id, simulated=True)
        return frame, frame.call(call.sender, call.to, call.data)

    def _catch_up(self) -> None:
        """The blocks that the clock has brought meanwhile; after a long time only some of them."""
        missing = (self._now() - self.blocks[-1].timestamp) // self.block_seconds
        for back in reversed(range(min(missing, MOST_EMPTY_BLOCKS))):
            self._add_block(self._now() - back * self.block_seconds)

    def _add_block(self, timestamp: int) -> None:
        number, ready = len(self.blocks), self._ready()
        state = self.state.copy() if ready else self.state
        outcomes: list[Mined] = []
        logs = 0
        for sent in ready:
            del self.pending[sent.sender, sent.nonce]
            frame = Frame(state, timestamp, self._contracts, self.id)
            try:
                frame.call(sent.sender, sent.to, sent.data)
                succeeded = True
            except Reverted:
                succeeded = False
            state.nonces[sent.sender] = sent.nonce + 1
            own = tuple(replace(log, index=logs + i) for i, log in enumerate(frame.logs))
            logs += len(own)
            outcomes.append(Mined(sent.hash, succeeded, number, "", 21_000 + 200 * len(sent.data) + frame.gas, own))
        block_hash = self._hash(number)
        mined = tuple(replace(outcome, block_hash=block_hash) for outcome in outcomes)
        self._outcomes |= {outcome.transaction: outcome for outcome in mined}
        self.blocks.append(Block(number, block_hash, timestamp, state, tuple(ready), mined))

    def _ready(self) -> list[Sent]:
        """What can be mined now: each sender's without a gap, in the order of their nonces, and dear enough."""
        found: list[Sent] = []
        for sender in dict.fromkeys(sender for sender, _ in self.pending):
            nonce = self.state.nonces.get(sender, 0)
            while (sender, nonce) in self.pending and self.pending[sender, nonce].max_fee >= self.least_fee:
                found.append(self.pending[sender, nonce])
                nonce += 1
        return found

    def _now(self) -> int:
        return int(self.clock.now().timestamp())

    def _hash(self, number: int) -> str:
        return "0x" + keccak(f"{self.id}: block {number}, fork {next(self._forks)}".encode()).hex()
