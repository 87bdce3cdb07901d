"""The two worlds that a chain's suite runs in: the fake chain, and anvil with the real contracts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from protocol.networks import caip2
from protocol.payment import PERMIT2, Method
from scripts.accounts import account
from server.adapters.chain import EvmChain
from server.adapters.clock import SystemClock
from server.adapters.quorum import QuorumChain
from server.adapters.signers import LocalSigner
from server.domain.calls import encode_call, split_signature
from server.domain.evidence import Mined, Spend, TransferLog, transfers_of
from server.domain.market import Market
from server.ports import Call, Chain
from tests.fakes.chain import FakeChain, fake_market
from tests.stack import buyer
from tests.stack.anvil import Anvil
from tests.stack.funds import allow_permit2
from tests.stack.waiting import eventually

FINALITY = 2
ETHER = 10**18
_MOVE = "address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32"


@dataclass
class World:
    """A chain with a token on it, and a stranger's key that sends transactions."""

    chain: Chain
    market: Market
    signer: LocalSigner
    anvil: Anvil | None = None
    memory: FakeChain | None = None

    @property
    def token(self) -> str:
        return self.market.asset.address

    @property
    def fake(self) -> FakeChain:
        assert self.memory is not None
        return self.memory

    def entry(self, pay_to: str, amount: int = 50_000) -> dict[str, Any]:
        """An `accepts` entry in this world's token."""
        asset = self.market.asset
        return {
            "scheme": "exact",
            "network": caip2(self.market.chain_id),
            "amount": str(amount),
            "asset": asset.address,
            "payTo": pay_to,
            "maxTimeoutSeconds": 120,
            "extra": {"name": asset.name, "version": asset.version},
        }

    async def payer(self, amount: int = 1_000_000) -> LocalAccount:
        """A fresh account with money and no ether."""
        account: LocalAccount = Account.create()
        await self.mint(account.address, amount)
        return account

    async def mint(self, to: str, amount: int) -> Mined:
        return await self.transact(self.token, encode_call("mint(address,uint256)", to, amount))

    def allow_permit2(self, owner: str, amount: int) -> None:
        """The owner's leave for Permit2 to move so much."""
        if self.anvil:
            allow_permit2(self.anvil, self.market, owner, amount)
        else:
            self.fake.allow(owner, PERMIT2, amount, self.token)

    async def sign(self, to: str, data: bytes, gas: int = 2_000_000) -> tuple[str, bytes]:
        """A transaction of the stranger's: (hash, raw bytes). The gas is fixed, so that it may revert when mined."""
        nonce = await self.chain.next_nonce(self.signer.address)
        call = Call(self.signer.address, to, data)
        signed = await self.signer.sign(self.market.chain_id, nonce, call, gas, await self.chain.fees())
        return signed.hash, signed.raw

    async def transact(self, to: str, data: bytes, gas: int = 2_000_000) -> Mined:
        """Send and wait for the outcome, good or bad."""
        transaction, raw = await self.sign(to, data, gas)
        await self.chain.send(raw)
        return await eventually(lambda: self.chain.mined(transaction), 20, f"{transaction} is mined")

    async def pause(self, paused: bool) -> None:
        """The token's owner stops every transfer, or lets them go on."""
        if self.anvil:
            await self._as_owner(encode_call("pause()" if paused else "unpause()"))
        else:
            self.fake.state.paused = paused

    async def blacklist(self, address: str, listed: bool) -> None:
        """The token's owner puts an account on the blacklist, or takes it off."""
        if self.anvil:
            await self._as_owner(encode_call("setBlacklisted(address,bool)", address, listed))
        elif listed:
            self.fake.state.blacklist.add(address)
        else:
            self.fake.state.blacklist.discard(address)

    async def _as_owner(self, data: bytes) -> None:
        owner = World(self.chain, self.market, LocalSigner(account("deployer").key.hex()), self.anvil)
        assert (await owner.transact(self.token, data)).succeeded

    def mine(self, blocks: int = 1) -> None:
        self.anvil.mine(blocks) if self.anvil else self.fake.mine(blocks)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing is mined inside; what waits is mined at the end."""
        if self.anvil:
            self.anvil.hold()
            try:
                yield
            finally:
                self.anvil.release()
        else:
            chain = self.fake
            chain.automine, seconds, chain.block_seconds = False, chain.block_seconds, 10**9
            yield
            chain.automine, chain.block_seconds = True, seconds
            chain.mine()

    def reorganise(self, depth: int) -> None:
        """Replace the newest blocks by empty ones."""
        self.anvil.reorganise(depth) if self.anvil else self.fake.reorganise(depth)


def fake_world(nodes: int = 1) -> World:
    """Several nodes are one chain asked so often."""
    memory, signer = FakeChain(SystemClock(), FINALITY), LocalSigner(Account.create().key.hex())
    return World(_of([memory] * nodes), fake_market(), signer, memory=memory)


def anvil_world(anvil: Anvil, market: Market, nodes: int = 1) -> World:
    """Close its chain at the end."""
    signer = LocalSigner(Account.create().key.hex())
    anvil.set_balance(signer.address, 100 * ETHER)
    return World(_of([EvmChain(anvil.url, FINALITY) for _ in range(nodes)]), market, signer, anvil)


def _of(nodes: list[Any]) -> Any:
    """The one node, or a quorum of several."""
    return nodes[0] if len(nodes) == 1 else QuorumChain(nodes, len(nodes) // 2 + 1, SystemClock())


def settle_call(payment: dict[str, Any]) -> bytes:
    """`transferWithAuthorization` with a payment's own fields, right or wrong."""
    fields, signature = payment["payload"]["authorization"], bytes.fromhex(payment["payload"]["signature"][2:])
    numbers = [int(fields[name]) for name in ("value", "validAfter", "validBefore")]
    nonce = bytes.fromhex(fields["nonce"][2:])
    values = (fields["from"], fields["to"], *numbers, nonce, *split_signature(signature))
    return encode_call(f"transferWithAuthorization({_MOVE})", *values)


def cancel_call(account: LocalAccount, entry: dict[str, Any], nonce: str) -> bytes:
    """`cancelAuthorization` of an unused nonce."""
    signature = bytes.fromhex(buyer.cancellation(account, entry, nonce)[2:])
    signed = (account.address, bytes.fromhex(nonce[2:]), *split_signature(signature))
    return encode_call("cancelAuthorization(address,bytes32,uint8,bytes32,bytes32)", *signed)


def spend(token: str, payer: str, nonce: bytes) -> Spend:
    """An EIP-3009 authorization as the chain is asked for it."""
    return Spend(Method.EIP3009, token, payer, nonce, "", 0)


async def transfer_in(chain: Chain, *asked: Any, since: int = 0) -> TransferLog | None:
    """The Transfer of an authorization (token, payer, nonce), or None."""
    found = await chain.spent_in(spend(*asked), since)
    assert len(found) <= 1
    return found[0] if found else None


def transfer_of(mined: Mined, *asked: Any) -> TransferLog | None:
    """The same in one mined transaction."""
    found = transfers_of(mined, spend(*asked))
    return found[0] if found else None


def nonce_of(payment: dict[str, Any]) -> bytes:
    return bytes.fromhex(payment["payload"]["authorization"]["nonce"][2:])
