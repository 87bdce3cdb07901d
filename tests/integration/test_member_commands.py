"""S31: `paddock merchant sign-in` signs a message for the marketplace that it was told, and nothing else."""

import json

import pytest
from eth_account import Account

from server.adapters.clock import SystemClock
from server.adapters.signers import LocalSigner
from server.domain.access_errors import WalletRefused
from server.domain.outages import Unavailable
from server.member_commands import sign_in_at
from tests.stack import siwe
from tests.stack.served import answer, live, read_body, run_served

WALLET = Account.create()


def message(url, **changes):
    now = SystemClock().now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    usual = {"domain": url.removeprefix("http://"), "address": WALLET.address, "uri": f"{url}/console", "version": "1"}
    return siwe.text(**usual | {"chain_id": 1, "nonce": "abcdefgh1", "issued_at": now} | changes)


class Marketplace:
    """Gives out what the test wants to be signed, and keeps what was signed."""

    def __init__(self):
        self.gives, self.signed = {}, []

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            return await live(receive, send)
        body = json.loads(await read_body(receive))
        if scope["path"] == "/console/challenge":
            return await answer(send, 200, json.dumps(self.gives).encode())
        self.signed.append(body)
        return await answer(send, 200, b'{"token": "the-token"}')


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"domain": "elsewhere.test"}, "another domain"),
        ({"uri": "http://elsewhere.test/console"}, "another resource"),
        ({"address": Account.create().address}, "another wallet"),
        ({"issued_at": "2099-01-01T00:00:00Z"}, "in the future"),
    ],
)
async def test_s31_what_is_for_somebody_else_is_not_signed(changes, says):
    hostile = Marketplace()
    with run_served(hostile) as url:
        hostile.gives = {"message": message(url, **changes)}
        with pytest.raises(WalletRefused, match=says):
            await sign_in_at(url, LocalSigner(WALLET.key))
        hostile.gives = {"message": "I owe you all that I have."}
        with pytest.raises(WalletRefused, match="not a text"):
            await sign_in_at(url, LocalSigner(WALLET.key))
        hostile.gives = {"nothing": "here"}
        with pytest.raises(Unavailable, match="does not answer as a marketplace"):
            await sign_in_at(url, LocalSigner(WALLET.key))
    assert hostile.signed == []


async def test_what_is_for_this_marketplace_is_signed_and_the_token_given():
    honest = Marketplace()
    with run_served(honest) as url:
        honest.gives = {"message": message(url)}
        assert await sign_in_at(url, LocalSigner(WALLET.key)) == "the-token"
    [sent] = honest.signed
    assert (sent["message"], sent["bearer"]) == (honest.gives["message"], True)
