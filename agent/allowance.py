"""Permit2's allowance: the one chain transaction that this agent sends, and only when a person asks for it."""

from argparse import Namespace
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from agent.chain import Chain, Mined, call_data
from agent.clock import Clock, SystemClock
from agent.commands import Shell
from agent.errors import AgentError, ChainUnavailable, WalletError
from protocol.amounts import atomic, display
from protocol.errors import ProtocolError
from protocol.payment import PERMIT2
from protocol.signatures import parse_address

_LOOKS, _LOOK_EVERY = 60, 1.0


def allow(chain: Chain, clock: Clock, account: LocalAccount, asset: str, amount: int) -> str:
    """Let Permit2 move exactly so much of an asset from now on (atomic units; 0 takes it back); the transaction's hash.

    What Permit2 moves counts down. Waits until it is mined. Raises ChainUnavailable, and WalletError if it failed.
    """
    call: dict[str, Any] = {
        "from": account.address,
        "to": asset,
        "data": call_data("approve(address,uint256)", PERMIT2, hex(amount)),
    }
    block, tip = chain.ask("eth_getBlockByNumber", "latest", False), int(chain.ask("eth_maxPriorityFeePerGas"), 16)
    unsigned: dict[str, Any] = {
        "to": asset,
        "data": call["data"],
        "value": 0,
        "chainId": int(chain.ask("eth_chainId"), 16),
        "nonce": int(chain.ask("eth_getTransactionCount", account.address, "pending"), 16),
        "gas": int(chain.ask("eth_estimateGas", call), 16) * 5 // 4,
        "maxFeePerGas": 2 * int(block["baseFeePerGas"], 16) + tip,
        "maxPriorityFeePerGas": tip,
    }
    raw = bytes(account.sign_transaction(unsigned).raw_transaction)
    transaction = "0x" + keccak(raw).hex()
    chain.ask("eth_sendRawTransaction", "0x" + raw.hex())
    if not _mined(chain, clock, transaction).success:
        raise WalletError(
            f"the approval {transaction} failed on chain", "some tokens want 0 first: allow 0, then again"
        )
    return transaction


def allow_permit2(shell: Shell, args: Namespace) -> int:
    """The command: exactly so much, whatever was allowed before."""
    account = shell.settings.account()
    with shell.client() as client:
        chain = shell.chain(client)
        try:
            asset = parse_address(args.asset, "TOKEN")
            decimals = chain.decimals(asset)
            amount = atomic(args.amount, decimals)
        except ProtocolError as error:
            raise AgentError(error.detail, 'like: paddock-agent allow 0x5FbD…0aa3 "2.50"') from error
        allow(chain, SystemClock(), account, asset, amount)
        left = chain.allowance(asset, account.address, PERMIT2)
    shell.out.print(f"Permit2 may move {display(left, decimals)} of {asset} for {account.address}", soft_wrap=True)
    return 0


def _mined(chain: Chain, clock: Clock, transaction: str) -> Mined:
    for _ in range(_LOOKS):
        mined = chain.transaction(transaction)
        if mined is not None:
            return mined
        clock.sleep(_LOOK_EVERY)
    raise ChainUnavailable(f"{transaction} was sent and is not mined yet", "look again later; do not send it twice")
