"""Register identity: make a merchant an agent of an ERC-8004 registry, by the merchant's own key."""

from protocol.hashing import keccak
from server.application.identities import Registrar, file_path, link_identity
from server.application.paddock import ground_of
from server.application.send import prepare
from server.domain.calls import encode_call
from server.domain.errors import ConfigurationError, UnknownMerchant
from server.domain.outages import ChainUnavailable
from server.domain.reputation import IDENTITY_REGISTRY, Identity
from server.ports import TransactionSigner

REGISTERED = keccak(b"Registered(uint256,string,address)")
_LOOKS, _LOOK_EVERY = 120, 0.5


async def register_identity(registrar: Registrar, network: str, merchant: str, signer: TransactionSigner) -> Identity:
    """Register the merchant with the file that we serve, and link what comes of it; one that is linked stays.

    The signer pays the gas, and is paid as the agent until another wallet agrees. If this is interrupted after it was
    sent, the agent is there and not linked: link it by its number. Raises UnknownMerchant, ConfigurationError,
    ChainUnavailable, Reverted.
    """
    ground = ground_of(registrar.grounds, network)
    registry = ground.market.contracts.get(IDENTITY_REGISTRY)
    if merchant not in registrar.merchants:
        raise UnknownMerchant(f"there is no merchant {merchant!r} here")
    if registry is None:
        raise ConfigurationError(f"no identity registry is known on {network}; see networks.toml")
    async with registrar.db.read() as view:
        known = [
            one for one in await view.reputation.identities() if (one.network, one.merchant) == (network, merchant)
        ]
    if known:
        return await link_identity(registrar, network, merchant, known[0].agent_id)
    data = encode_call("register(string)", f"{registrar.origins[0]}{file_path(merchant)}")
    prepared = await prepare(ground.chain, signer, registry.address, data)
    fields = (prepared.chain_nonce, prepared.call, prepared.gas, prepared.fees)
    signed = await signer.sign(ground.market.chain_id, *fields)
    await ground.chain.send(signed.raw)
    for _ in range(_LOOKS):
        mined = await ground.chain.mined(signed.hash)
        if mined:
            made = [log for log in mined.logs if log.address == registry.address and log.topics[0] == REGISTERED]
            if not made:
                raise ConfigurationError(f"the registration {signed.hash} failed on chain")
            return await link_identity(registrar, network, merchant, int.from_bytes(made[0].topics[1], "big"))
        await registrar.clock.sleep(_LOOK_EVERY)
    raise ChainUnavailable(f"{signed.hash} is not mined yet; when it is, link the agent that it registered")
