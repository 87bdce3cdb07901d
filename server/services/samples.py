"""Services to try a marketplace with, one for each way of selling: tests, demo and guides buy them.

They are sold on a devnet, or where PADDOCK_SAMPLES is 1, even if the catalogue has none of them: so a fork that drops
them from its catalogue keeps all that is checked by buying one.
"""

from server.services import (
    access_pass,
    chain_watch,
    contract_risk,
    disassembly,
    launch_pass,
    market_history,
    market_signal,
    wallet_report,
)
from server.services.service import Service

SAMPLES: tuple[Service, ...] = (
    market_signal.SERVICE,  # a GET, from what the marketplace holds
    wallet_report.SERVICE,  # a GET, read from the chain
    contract_risk.SERVICE,  # a POST
    disassembly.SERVICE,  # charged by use
    market_history.SERVICE,  # dear, or opened by a pass
    chain_watch.SERVICE,  # a task, paid into escrow
    access_pass.SERVICE,  # a callback
    launch_pass.SERVICE,  # a callback that is sold out soon
)
