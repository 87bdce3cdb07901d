"""The keys that pay, by their addresses; a server holds none of them but those of its own facilitator."""

from server.application.holdings import MoneyKey
from server.application.paddock import Paddock, Settling


def money_keys(paddock: Paddock, settling: Settling | None) -> list[MoneyKey]:
    """Settlement keys of each network, the delegate wallet, and each merchant's refund float."""
    market, wallet = paddock.market, paddock.wallet
    cap, floor = (wallet.cap, wallet.gas_floor) if wallet else (0, 0)
    found = [
        MoneyKey("settlement", network, address)
        for network, addresses in settlement_keys(paddock, settling).items()
        for address in addresses
    ]
    found.append(MoneyKey("delegate wallet", market.network, market.delegate, market.asset, cap, floor))
    for merchant, address in paddock.floats_at.items():
        found.append(MoneyKey(f"refund float of {merchant}", market.network, address, market.asset, sends=False))
    return found


def settlement_keys(paddock: Paddock, settling: Settling | None) -> dict[str, tuple[str, ...]]:
    """By network: those of this process's facilitator, else the one that another one names for scheme upto."""
    named = {network: (address,) for network, address in paddock.facilitator.settlers().items()}
    known = dict(settling.signers) if settling else named
    return {network: addresses for network, addresses in known.items() if network in paddock.grounds}
