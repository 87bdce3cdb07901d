"""The wallets that processes keep an eye on, with the limits of the settings; no key is needed for that."""

from collections.abc import Iterable, Mapping, Sequence

from server.application.paddock import Ground
from server.application.wallets import HotWallet
from server.ports import Clock, TransactionSigner
from server.setting_values import WalletLimits


def delegate_wallet(home: Ground, clock: Clock, limits: WalletLimits) -> HotWallet:
    """The delegate wallet on the home network."""
    return HotWallet(
        chain=home.chain,
        clock=clock,
        name="delegate",
        network=home.market.network,
        address=home.market.delegate,
        asset=home.market.asset.address,
        cap=limits.delegate_cap,
        gas_floor=limits.delegate_gas_floor,
    )


def float_wallet(
    home: Ground, clock: Clock, limits: WalletLimits, keys: Iterable[TransactionSigner]
) -> HotWallet | None:
    """The refund float, if there is one, in the home network's first asset; others send what it signs."""
    for key in keys:
        place = (home.chain, clock, "float", home.market.network, key.address, home.market.asset.address)
        return HotWallet(*place, floor=limits.float_floor, sends=False)
    return None


def gas_wallets(
    grounds: Mapping[str, Ground], clock: Clock, limits: WalletLimits, keys: Sequence[TransactionSigner]
) -> list[HotWallet]:
    """The settlement keys on each network, each under a name of its own: they hold gas alone."""
    floor = limits.settlement_gas_floor
    return [
        HotWallet(ground.chain, clock, f"settlement{number}", network, key.address, gas_floor=floor)
        for network, ground in grounds.items()
        for number, key in zip(("", *range(2, len(keys) + 1)), keys, strict=True)
    ]
