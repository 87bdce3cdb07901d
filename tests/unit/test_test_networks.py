"""A marketplace is a test or it is not: no process starts on networks of both kinds, and each page says which it is."""

from pathlib import Path

import pytest

from server import bootstrap
from server.bootstrap import open_parts
from server.domain.errors import ConfigurationError
from server.settings import load
from tests.unit.test_settings import OWN

LIVE, OTHER_LIVE, TEST, OTHER_TEST = "eip155:8453", "eip155:2345", "eip155:84532", "eip155:48816"
NODE = "http://127.0.0.1:1"


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Which networks of a start are tests; no chain is asked."""

    async def nothing(*_given: object, **_named: object) -> None:
        """Whether contracts are as they should be is not what this is about."""

    monkeypatch.setattr(bootstrap, "check_market", nothing)

    async def start(*networks: str, **more: str) -> list[bool]:
        given = {
            "PADDOCK_RPC_URL": " ".join(f"{network}={NODE}" for network in networks),
            "PADDOCK_DATABASE_URL": f"sqlite:///{tmp_path}/paddock.db",
            "PADDOCK_DEPLOYMENTS": "",
        }
        async with open_parts(load(OWN | given | more)) as parts:
            return [ground.market.test for ground in parts.grounds.values()]

    return start


@pytest.mark.parametrize("together", [(LIVE, TEST), (TEST, LIVE), (LIVE, OTHER_LIVE, OTHER_TEST)])
async def test_a_process_on_test_networks_beside_others_does_not_start(opened, together) -> None:
    with pytest.raises(ConfigurationError, match=r"test networks \(eip155:(84532|48816)\) beside others"):
        await opened(*together)


async def test_networks_of_one_kind_stand_together_and_on_a_devnet_all_are_tests(opened) -> None:
    assert await opened(LIVE, OTHER_LIVE) == [False, False]
    assert await opened(TEST, OTHER_TEST) == [True, True]
    assert await opened(LIVE, TEST, PADDOCK_DEVNET="1") == [True, True]
