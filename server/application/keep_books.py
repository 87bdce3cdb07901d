"""Keep the books: compare what is new in ledger and chain, from where the last comparison ended, for ever."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from prometheus_client import Gauge

from server.application.cases import SETTLES_WITHIN, note_agreement, open_for
from server.application.paddock import Paddock
from server.application.reconcile import (
    RANGE,
    REORGANISED,
    ROWS,
    Difference,
    Seen,
    Wallet,
    judge,
    missing,
    off_balance,
    scan,
    wallets,
)
from server.domain.books import Booked, WalletCursor, signed
from server.domain.evidence import TransferLog, search_from
from server.domain.outages import ChainUnavailable
from server.ports import UnitOfWork

BEHIND = Gauge("paddock_reconcile_blocks_behind", "Final blocks that are not compared yet", ["network", "wallet"])
RANGES = 20
"""How many ranges of a wallet one run asks for; what is left waits for the next run, which comes at once."""
AGAIN = 0.1


async def keep_books(paddock: Paddock, _subject: str) -> float | None:
    """One run over all wallets and all rows; seconds until the next one if there is more to compare now.

    A network that does not answer holds up no other one. Safe to run twice at once: the cursors let one win.
    """
    more, failed = False, None
    for network in paddock.grounds:
        try:
            for wallet in wallets(paddock, network):
                more |= await _keep(paddock, wallet)
            more |= await _check_rows(paddock, network)
        except ChainUnavailable as error:
            failed = error
    if failed:
        raise failed
    await note_agreement(paddock)
    return AGAIN if more else None


async def _keep(paddock: Paddock, wallet: Wallet) -> bool:
    """Bring a wallet's cursor up to the newest final block; whether it has further to go now."""
    chain = wallet.ground.chain
    final = await chain.final_block()
    cursor = await _cursor(paddock, wallet, final)
    if not await _stands(paddock, wallet, cursor):
        return False
    ahead: WalletCursor | None = cursor
    for _ in range(RANGES):
        ahead = await _advance(paddock, wallet, cursor, final) if cursor.block < final else None
        if ahead is None:
            break
        cursor = ahead
    BEHIND.labels(wallet.network, wallet.name).set(max(0, final - cursor.block))
    if cursor.block == final:
        await _weigh(paddock, wallet, cursor)
    return ahead is not None and cursor.block < final


async def _cursor(paddock: Paddock, wallet: Wallet, final: int) -> WalletCursor:
    """Where the last comparison ended; the first begins a little below the first row, or below now without any."""
    async with paddock.db.survey() as view:
        known = await view.books.cursor(wallet.network, wallet.asset.address, wallet.address)
        oldest = await view.books.first_block(wallet.network)
    if known:
        return known
    first = search_from(min(final, final if oldest is None else oldest))
    there = await wallet.ground.chain.block_hash(first)
    return WalletCursor(wallet.network, wallet.asset.address, wallet.address, first, first, there or "")


async def _advance(paddock: Paddock, wallet: Wallet, cursor: WalletCursor, final: int) -> WalletCursor | None:
    """Compare one range. A Transfer that the books may still come to know is waited for: None when that is next."""
    last = min(final, cursor.block + RANGE)
    part = await scan(paddock, wallet, cursor.block + 1, last)
    strange = [one for one in part.strange if wallet.alarming(one)]
    young = await _first_young(paddock, wallet, strange, final)
    if young:
        last = young.block - 1
    there = await wallet.ground.chain.block_hash(last)
    if last <= cursor.block or there is None:
        return None
    moved = sum(signed(one, wallet.address) for one in part.logs if one.block <= last)
    ahead = replace(cursor, block=last, block_hash=there, moved=cursor.moved + moved)
    found = [missing(wallet, one) for one in strange if one.block <= last]
    return await _move(paddock, ahead, found)


async def _first_young(paddock: Paddock, wallet: Wallet, strange: list[TransferLog], final: int) -> TransferLog | None:
    """By our clock or by the chain's own, whichever is ahead."""
    chain = wallet.ground.chain
    now = max(paddock.clock.now().timestamp(), await chain.block_time(final)) if strange else 0.0
    for one in strange:
        if now - await chain.block_time(one.block) < SETTLES_WITHIN.total_seconds():
            return one
    return None


async def _weigh(paddock: Paddock, wallet: Wallet, cursor: WalletCursor) -> None:
    """Hold the balance at the cursor's block against all that moved. The first time it tells what the wallet began
    with; so it does after a difference, of which a case is opened once."""
    held, off = await off_balance(wallet, cursor.block, (cursor.opening or 0) + cursor.moved)
    if cursor.opening is None or off:
        known = [] if cursor.opening is None or off is None else [off]
        await _move(paddock, replace(cursor, opening=held - cursor.moved), known)


async def _stands(paddock: Paddock, wallet: Wallet, cursor: WalletCursor) -> bool:
    """Whether the cursor's block, which was final, is still there; if another one is, everything since is looked at
    again, and a person is told. A node that lags shows nothing."""
    there = await wallet.ground.chain.block_hash(cursor.block)
    if there is None or cursor.block_hash in ("", there):
        return there is not None
    detail = f"block {cursor.block} was final, and is {there} now: {wallet.name} is compared again"
    found = Difference(REORGANISED, wallet.network, str(cursor.block), 0, detail)
    back = max(cursor.first, search_from(cursor.block))
    known = await wallet.ground.chain.block_hash(back)
    async with paddock.db.begin("books compared again") as work:
        await work.books.move(replace(cursor, block=back, block_hash=known or "", opening=None, first=back, moved=0))
        await _rewind_rows(work, wallet.network, back)
        await open_for(work, [found])
    return False


async def _rewind_rows(work: UnitOfWork, network: str, block: int) -> None:
    reached, before = await work.books.checked(network), await work.books.before_block(network, block)
    if before is not None and before < reached:
        await work.books.check(network, reached, before)


async def _move(paddock: Paddock, cursor: WalletCursor, found: list[Difference]) -> WalletCursor:
    async with paddock.db.begin("books compared") as work:
        await work.books.move(cursor)
        await open_for(work, found)
    return replace(cursor, version=cursor.version + 1)


async def _check_rows(paddock: Paddock, network: str) -> bool:
    """Ask the chain about each row that was written some minutes ago; whether more wait.

    A row is passed for good when its block is final, or when a person was told that the chain does not show it.
    """
    async with paddock.db.survey() as view:
        reached = await view.books.checked(network)
        rows = await view.books.after(network, reached, ROWS)
    judged = await _judged(paddock, network, rows)
    final = await paddock.on(network).chain.final_block()
    passed = list(takewhile(lambda one: one[1] or one[0].entry.block <= final, judged))
    found = list(dict.fromkeys(wrong for _, wrong in judged if wrong))
    if passed or found:
        async with paddock.db.begin("rows compared") as work:
            if passed:
                await work.books.check(network, reached, passed[-1][0].sequence)
            await open_for(work, found)
    return len(passed) == ROWS


async def _judged(paddock: Paddock, network: str, rows: Sequence[Booked]) -> list[tuple[Booked, Difference | None]]:
    """The rows that are old enough, each with what is wrong with it. Those of before 0.1 name no block."""
    ripe = takewhile(lambda one: paddock.clock.now() - one.at >= SETTLES_WITHIN, rows)
    seen: Seen = {}
    return [
        (one, await judge(paddock, network, one.entry.transaction, one.entry.log_index, seen))
        if one.entry.block_hash
        else (one, None)
        for one in ripe
    ]
