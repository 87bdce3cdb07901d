"""Watch: look at the balances of the money keys, and admit no purchase that would overfill one."""

import logging

from protocol.wire import PaymentRequirements
from server.application.mirror import mirror
from server.application.paddock import Paddock
from server.application.wallets import HotWallet
from server.domain.errors import PaddockError

log = logging.getLogger(__name__)

EVERY = 30.0


async def watch(paddock: Paddock, _subject: str) -> float | None:
    """One look at the delegate wallet and the refund float, and at changes of allowlists, for the worker."""
    for wallet in (paddock.wallet, paddock.float_wallet):
        if wallet:
            await wallet.look()
    await mirror(paddock)
    return None


async def keep_watch(wallet: HotWallet) -> None:
    """For ever, for a process that has no jobs."""
    while True:
        try:
            await wallet.look()
        except PaddockError as error:
            log.warning("the %s wallet cannot be looked at: %s", wallet.name, error.detail)
        await wallet.clock.sleep(EVERY)


async def require_room(paddock: Paddock, terms: PaymentRequirements) -> None:
    """Before a claim. Raises WalletFull, with nothing charged; whoever is paid directly has room."""
    if paddock.wallet and terms.pay_to == paddock.wallet.address:
        await paddock.wallet.require_room(int(terms.amount))
