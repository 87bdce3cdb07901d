"""Opens a lab: the props deployed, the subject deployed with its lists, and the misbehaving callback beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_utils.address import to_checksum_address

from protocol.hashing import keccak
from scripts.accounts import ROLES, account
from scripts.callback_lab.abi import Vocabulary, encode_call
from scripts.callback_lab.actions import choose_action
from scripts.callback_lab.bench import BASE_ACTION, Bench, Cast
from scripts.callback_lab.errors import LabError
from scripts.callback_lab.node import Log, Node, Transaction
from scripts.callback_lab.subject import Site, Subject, constructor_arguments, constructor_inputs, creation_code
from scripts.compile import Artifact
from scripts.deploy import DEPLOYMENTS
from scripts.deploying import Site as DeploySite
from scripts.etch import PERMIT2, PERMIT2_CODE

FUNDS = 10**15
CROOKED = (
    "behave(address)", "owe()", "fail(bytes)", "burnGas()", "bomb(uint256)", "hoard()",
    "embezzle(address,uint256)", "callOut(address,bytes)",
)  # fmt: skip
CROOKED_BOUNDS = (1_000_000, 5_000_000)
CROOKED_GAS = 300_000
ACTION_LISTED = keccak(b"ActionListed(bytes4,uint128,uint128)")
CALLER_LISTED = keccak(b"CallerListed(address,bool)")
MOST = 2**256 - 1


@dataclass(frozen=True, slots=True)
class Given:
    """What the user said beside the file: constructor arguments by name, and calls of the actions."""

    constructor: Mapping[str, Any]
    calldata: Sequence[str]


@dataclass(frozen=True, slots=True)
class Stage:
    """A devnet with the props on it, and who takes part."""

    node: Node
    words: Vocabulary
    cast: Cast
    props: dict[str, str]
    site: Site


def set_stage(node: Node, props: Mapping[str, Artifact]) -> Stage:
    """Deploys the props and gives the money holder something to hold."""
    words, cast = Vocabulary(), Cast()
    for role in ROLES:
        words.names[account(role).address.lower()] = role
    addresses = _deploy_props(node, props, words)
    token = addresses["TestUSD"]
    if len(node.code(PERMIT2)) == 0:
        node.etch(PERMIT2, bytes.fromhex(PERMIT2_CODE.read_text().splitlines()[-1][2:]))
    words.names[PERMIT2.lower()] = "Permit2"
    holder = cast.holder.address
    node.send(Transaction(holder, token, encode_call("mint(address,uint256)", holder, FUNDS)))
    node.send(Transaction(holder, token, encode_call("approve(address,uint256)", PERMIT2, MOST)))
    names = {"TestUSD": token, "Permit2": PERMIT2} | {role: account(role).address for role in ROLES}
    return Stage(node, words, cast, addresses, Site(account("merchant").address, holder, token, PERMIT2, names))


def open_bench(stage: Stage, subject: Subject, given: Given) -> Bench:
    """The subject deployed and ready for payments. Raises LabError."""
    artifact, site = subject.artifact, stage.site
    values = constructor_arguments(artifact, site, given.constructor, _line(artifact.name, site))
    crook = open_crook(stage, subject.props["MisbehavingCallback"])
    address, logs = _create(stage.node, artifact, values)
    bounds = _listed_actions(logs)
    if not bounds:
        raise LabError(f"{artifact.name} lists no action, so nothing can be bought: list BASE_ACTION with its bounds")
    chosen = [selector for selector in bounds if selector != BASE_ACTION]
    action = choose_action(artifact, subject.text, chosen, given.calldata, stage.words.names)
    return _bench(stage, artifact, address, logs, action, crook)


def open_crook(stage: Stage, artifact: Artifact) -> Bench:
    """The misbehaving callback with all its crimes listed; every check runs on it too."""
    address, logs = _create(stage.node, artifact, _crooked(stage.site))
    return _bench(stage, artifact, address, logs, encode_call(CROOKED[0], stage.cast.stranger.address), None)


def _crooked(site: Site) -> list[Any]:
    """Constructor arguments of the misbehaving callback: every crime listed."""
    selectors = [BASE_ACTION, *(keccak(crime.encode())[:4] for crime in CROOKED)]
    lists = (site.owner, [site.caller], [site.token], [site.permit2])
    return [lists, [(selector, CROOKED_BOUNDS) for selector in selectors], CROOKED_GAS]


def _deploy_props(node: Node, props: Mapping[str, Artifact], words: Vocabulary) -> dict[str, str]:
    """The dollar, a foreign one, and what is hostile, by name."""
    deployer = account("deployer").address
    addresses = {}
    makes = {name: name for name in props if name.endswith(("Token", "Wallet"))}
    for name, made in (makes | {"TestUSD": "TestUSD", "ForeignUSD": "TestUSD"}).items():
        artifact = props[made]
        words.learn(artifact.abi)
        owners = [deployer for _ in constructor_inputs(artifact)]
        addresses[name], _ = _create(node, artifact, owners)
        words.names[addresses[name].lower()] = name
    return addresses


def _create(node: Node, artifact: Artifact, values: list[Any]) -> tuple[str, tuple[Log, ...]]:
    """A new contract's address and what its constructor logged."""
    transaction = Transaction(account("deployer").address, None, creation_code(artifact, values), 20_000_000)
    mined = node.send(transaction)
    if not mined.succeeded or mined.contract is None:
        words = Vocabulary()
        words.learn(artifact.abi)
        raise LabError(
            f"{artifact.name}'s constructor reverts with {words.words(node.ask(transaction).data)}: {values}"
        )
    return to_checksum_address(mined.contract), mined.logs


def _line(name: str, site: Site) -> list[Any] | None:
    """The constructor arguments of the contract's line in scripts/deploy.py, if it has one."""
    entry = next((one for one in DEPLOYMENTS if one.contract == name), None)
    if entry is None:
        return None
    place = DeploySite(account("deployer").address, site.owner, site.caller, {"TestUSD": site.token})
    try:
        return entry.arguments(place)
    except KeyError as error:
        raise LabError(
            f"the line of {name} in scripts/deploy.py wants the address of {error}, which the lab does not deploy: "
            "give the constructor's arguments by --constructor"
        ) from error


def _bench(
    stage: Stage, artifact: Artifact, address: str, logs: Sequence[Log], action: bytes, crook: Bench | None
) -> Bench:
    """A deployed callback whose lists have what every entry needs: a caller, the dollar, Permit2, an action."""
    stage.words.learn(artifact.abi)
    stage.words.names[address.lower()] = artifact.name
    bounds = _listed_actions(logs)
    callers = [_address(log.topics[1]) for log in logs if log.topics[0] == CALLER_LISTED]
    owner = _address(stage.node.ask(Transaction(address, address, encode_call("owner()"))).data)
    bench = Bench(
        stage.node, stage.words, artifact.name, artifact.abi, address, owner,
        callers[0] if callers else stage.site.caller, stage.site.token, stage.props, bounds, action,
        BASE_ACTION in bounds, action[:4] in bounds, stage.cast, crook,
    )  # fmt: skip
    _complete_lists(bench)
    return bench


def _complete_lists(bench: Bench) -> None:
    """The owner lists what the constructor did not."""
    for selector in (BASE_ACTION, bench.action[:4]):
        if selector not in bench.bounds:
            bench.bounds[selector] = CROOKED_BOUNDS
            bench.by_owner("listAction(bytes4,(uint128,uint128))", selector, CROOKED_BOUNDS)
    for list_, address in (("Caller", bench.caller), ("Token", bench.token), ("Permit2", PERMIT2)):
        if not bench.read(f"is{list_}(address)", "bool", address):
            bench.by_owner(f"list{list_}(address,bool)", address, True)


def _listed_actions(logs: Sequence[Log]) -> dict[bytes, tuple[int, int]]:
    """What the constructor listed: bounds by selector."""
    found = {}
    for log in logs:
        if log.topics[0] == ACTION_LISTED:
            least, most = decode(["uint128", "uint128"], log.data)
            found[log.topics[1][:4]] = (least, most)
    return found


def _address(word: bytes) -> str:
    return str(to_checksum_address(word[12:32]))
