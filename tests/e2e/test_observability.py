"""A real Prometheus on our configuration, beside server, facilitator and worker: each panel and each rule has data."""

from math import isnan

import httpx
import pytest

from tests.conftest import missing
from tests.stack.buyer import Buyer, changed, read_header, write_header
from tests.stack.dashboard import DASHBOARD, METRIC, QUERIES, filled_in, labels_of
from tests.stack.funds import fund
from tests.stack.invariants import assert_invariants
from tests.stack.lying_node import run_lying_node
from tests.stack.marketplace import Marketplace
from tests.stack.processes import free_port
from tests.stack.prometheus import MISSING, found, run_prometheus
from tests.stack.waiting import eventually
from tests.unit.test_runbook import RULES

SIGNAL = "/v1/market-signal?symbol=DEMO-TREND&window=20"
WINDOW = "5m"
ONLY_IN_TROUBLE = {"paddock_jobs_failing"}
"""Metrics without a series while nothing is the matter."""
EXPRESSIONS = {**QUERIES, **{rule["alert"]: rule["expr"] for rule in RULES}}


@pytest.fixture
def programs():
    path = found("prometheus")
    if path is None:
        missing(MISSING.format("prometheus"))
    return path


@pytest.fixture
def liar(own_anvil):
    """A node that sees no receipt: the others outvote it."""
    with run_lying_node(own_anvil.url, {"eth_getTransactionReceipt": lambda _parameters, _truth: None}) as node:
        yield node


@pytest.fixture
def place(own_anvil, liar, sqlite_url, deployments, tmp_path):
    nodes = f"{liar.url},{own_anvil.url},http://localhost:{own_anvil.port}"
    more = {"PADDOCK_METRICS_PORT": str(free_port())}
    marketplace = Marketplace(tmp_path, nodes, sqlite_url, deployments, more=more)
    yield marketplace
    marketplace.stop()


@pytest.fixture
def prometheus(place, programs, tmp_path):
    """It scrapes all three processes from before the first purchase on."""
    facilitator = place.start_facilitator()
    place.more = {**place.more, "PADDOCK_FACILITATOR_URL": facilitator}
    place.start_server()
    place.start_worker()
    targets = {
        "server": f"127.0.0.1:{place.port}",
        "facilitator": facilitator.removeprefix("http://").removesuffix("/facilitator"),
        "worker": f"127.0.0.1:{place.more['PADDOCK_METRICS_PORT']}",
    }
    with run_prometheus(programs, tmp_path / "prometheus", targets) as running:
        yield running


async def buy_and_be_refused(place, buyer):
    """One DIRECT and one DELEGATE purchase, and a payment that is refused."""
    direct = await buyer.ask(place.url + SIGNAL)
    assert (await buyer.present(direct, buyer.pay(direct))).status_code == 200
    passed = await buyer.ask(f"{place.url}/v1/access-pass", "POST", {})
    assert (await buyer.present(passed, buyer.pay(passed))).status_code == 200
    wrong = changed(read_header(buyer.pay(direct)), "accepted.extra.quoteId", "another")
    assert (await buyer.present(direct, write_header(wrong))).status_code == 402


async def all_scraped(prometheus):
    """Whether every process was scraped."""
    targets = (await prometheus.ask("targets"))["activeTargets"]
    return [target["health"] for target in targets] == ["up"] * 3


async def unanswered(prometheus):
    """The queries that have no series, or one whose value is no number. Raises AssertionError for nonsense."""
    lacking = []
    for name, query in QUERIES.items():
        values = [value for _, value in await prometheus.query(filled_in(query, WINDOW))]
        wanted = not set(METRIC.findall(query)) <= ONLY_IN_TROUBLE
        if (wanted and not values) or any(map(isnan, values)):
            lacking.append(name)
    return lacking


async def all_answered(prometheus):
    """Whether every panel shows something."""
    return not await unanswered(prometheus)


async def all_rise(prometheus):
    """Whether each of the three rates of the way from 402 to delivery is more than nothing."""
    names = [f"402, paid, delivered {ref}" for ref in "ABC"]
    found = [await prometheus.query(filled_in(QUERIES[name], WINDOW)) for name in names]
    return all(rate > 0 for ((_, rate),) in found)


async def require_labels(prometheus, name):
    """The labels that an expression chooses and groups by are labels of its metrics."""
    expression, known = EXPRESSIONS[name], set()
    metrics = set(METRIC.findall(expression)) - ONLY_IN_TROUBLE
    for metric in metrics:
        series = await prometheus.ask("series", **{"match[]": metric})
        assert series, f"{name}: nobody shows {metric}"
        known |= {label for one in series for label in one}
    assert not metrics or labels_of(expression) <= known, name


async def test_every_panel_and_every_rule_finds_its_metrics_in_a_run_of_all_processes(
    place, prometheus, own_anvil, market
):
    await eventually(lambda: all_scraped(prometheus), 30, "every process is scraped", every=0.2)
    async with httpx.AsyncClient(timeout=60) as client:
        buyer = Buyer(client)
        fund(own_anvil, market, buyer.account.address, 1_000_000_000)
        await buy_and_be_refused(place, buyer)
        try:
            await eventually(lambda: all_answered(prometheus), 45, "every panel has data", every=0.5)
        except AssertionError as error:
            raise AssertionError(f"{error}: {await unanswered(prometheus)}") from None
        await buy_and_be_refused(place, buyer)  # a counter's first sample is no rise: only what comes after it is
    await eventually(lambda: all_rise(prometheus), 45, "what was asked, paid and delivered is seen to rise", every=0.5)
    for name in EXPRESSIONS:
        await require_labels(prometheus, name)
    for annotation in DASHBOARD["annotations"]["list"]:
        await prometheus.query(annotation["expr"])
    rules = [rule for group in (await prometheus.ask("rules"))["groups"] for rule in group["rules"]]
    assert {rule["name"]: rule["health"] for rule in rules} == {rule["alert"]: "ok" for rule in RULES}
    assert {rule["name"] for rule in rules if rule["state"] == "firing"} <= {"PaddockNodeAstray"}
    async with place.parts() as parts:
        await assert_invariants(parts, paid=4)


async def test_one_id_leads_from_the_402_through_both_processes_logs_to_the_chain(place, own_anvil, market):
    server, worker = place.start_server(), place.start_worker()
    async with httpx.AsyncClient(timeout=60) as client:
        buyer = Buyer(client)
        fund(own_anvil, market, buyer.account.address, 1_000_000_000)
        passed = await buyer.ask(f"{place.url}/v1/access-pass", "POST", {})
        sold = await buyer.present(passed, buyer.pay(passed))
        assert sold.status_code == 200
    paid = read_header(sold.headers["payment-response"])["transaction"]
    of_server, of_worker = (
        [line for line in child.log().splitlines() if f"order {passed.id}, " in line] for child in (server, worker)
    )
    assert any(", claim: payment authorized" in line for line in of_server)
    assert any(f"settled {paid}" in line for line in of_server)
    assert any("callback transaction 0x" in line for line in of_worker)
    assert any("fulfilment executing -> released" in line for line in of_worker)
    async with place.parts() as parts:
        await assert_invariants(parts, paid=1)
