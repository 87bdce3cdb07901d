"""A chain transaction of the wallet's own: made, signed, broadcast and waited for."""

from typing import Any

from eth_account.signers.local import LocalAccount

from agent.calls import Unsigned
from agent.chain import Chain, Mined
from agent.clock import Clock
from agent.errors import ChainUnavailable, NoGas, WalletError
from agent.wallet import sign_digest
from protocol.hashing import keccak

MOST_GAS = 1_000_000
"""No transaction of the wallet's own may use more: whoever wrote the contract that is called may waste gas."""
_LOOKS, _LOOK_EVERY = 60, 1.0


def send(chain: Chain, clock: Clock, account: LocalAccount, to: str, data: str, what: str, mend: str) -> str:
    """Call a contract with no money, by a key; the transaction's hash, when it is mined. See `carried`."""
    made = unsigned(chain, account.address, to, data, mend)
    return carried(chain, clock, made.raw(sign_digest(account, made.digest())), what, mend)


def carried(chain: Chain, clock: Clock, raw: bytes, what: str, mend: str) -> str:
    """Send a signed transaction; its hash, when it is mined.

    `what` names it in words, `mend` is what to do when it fails. Raises ChainUnavailable, and WalletError if it failed.
    """
    transaction = broadcast(chain, raw)
    if not mined(chain, clock, transaction).success:
        raise WalletError(f"{what} {transaction} failed on chain", mend)
    return transaction


def unsigned(chain: Chain, sender: str, to: str, data: str, mend: str) -> Unsigned:
    """The transaction as it is to be signed. Raises ChainUnavailable, NoGas, and WalletError for too much gas."""
    try:
        gas = _gas(chain, {"from": sender, "to": to, "data": data}, mend)
        tip = int(chain.ask("eth_maxPriorityFeePerGas"), 16)
        fee = 2 * int(chain.ask("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16) + tip
        held = int(chain.ask("eth_getBalance", sender, "latest"), 16)
        nonce = int(chain.ask("eth_getTransactionCount", sender, "pending"), 16)
        chain_id = int(chain.ask("eth_chainId"), 16)
    except (KeyError, TypeError, ValueError) as error:
        raise ChainUnavailable("the RPC answers in a shape that is not Ethereum's") from error
    if held < gas * fee:
        raise NoGas(f"{sender} holds {held} wei; the gas may cost {gas * fee}", "send it some of the chain's coin")
    return Unsigned(chain_id, nonce, to, data, gas, fee, tip)


def hash_of(raw: bytes) -> str:
    """The hash by which a chain knows a signed transaction."""
    return "0x" + keccak(raw).hex()


def broadcast(chain: Chain, raw: bytes) -> str:
    """Give it to the node; its hash. Raises ChainUnavailable, and then it may be on its way all the same."""
    chain.ask("eth_sendRawTransaction", "0x" + raw.hex())
    return hash_of(raw)


def mined(chain: Chain, clock: Clock, transaction: str) -> Mined:
    """Wait for it. Raises ChainUnavailable."""
    for _ in range(_LOOKS):
        found = chain.transaction(transaction)
        if found is not None:
            return found
        clock.sleep(_LOOK_EVERY)
    raise ChainUnavailable(f"{transaction} was sent and is not mined yet", "look again later; do not send it twice")


def _gas(chain: Chain, call: dict[str, Any], mend: str) -> int:
    """With a margin of a quarter."""
    try:
        gas = int(chain.ask("eth_estimateGas", call), 16) * 5 // 4
    except ChainUnavailable as error:
        raise ChainUnavailable(f"{error}: the contract may have refused the call", mend) from error
    if gas > MOST_GAS:
        raise WalletError(f"the call would use {gas} gas; {MOST_GAS} at most", mend)
    return gas
