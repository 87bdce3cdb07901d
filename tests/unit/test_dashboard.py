"""The dashboard's structure as Grafana wants it, and that Compose, Prometheus and Grafana name the same things."""

from itertools import combinations

import pytest
import yaml

from tests.conftest import missing
from tests.stack.dashboard import DASHBOARD, METRIC, PANELS, QUERIES, labels_of, marks_of
from tests.stack.prometheus import ALERTS, MISSING, config, found, promtool
from tests.unit.test_documentation import TOP
from tests.unit.test_runbook import shown

COMPOSE = yaml.safe_load((TOP / "docker-compose.yml").read_text())["services"]
HERE = TOP / "docs" / "observability"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
SUBJECTS = {
    "402 -> paid -> delivered": ("paddock_paid_route_total", "paddock_order_moves_total"),
    "settle latency": ("paddock_settle_seconds_bucket",),
    "in-doubt age": ("paddock_orders_waiting_seconds",),
    "worker lag": ("paddock_jobs_overdue_seconds",),
    "gas": ("paddock_gas_balance",),
    "balances": ("paddock_wallet_balance",),
    "refusals by reason": ("paddock_payments_refused_total",),
    "refunds and cases": ("paddock_refunds_open", "paddock_cases_open"),
    "RPC faults": ("paddock_rpc_faults_total",),
    "webhooks": ("paddock_webhook_deliveries",),
}

every_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])


def mounts(service):
    """Where a service sees files of the checkout, by their path there; each of them read-only."""
    parts = [volume.split(":") for volume in COMPOSE[service]["volumes"] if volume.startswith("./")]
    assert {part[2] for part in parts} == {"ro"}
    return {TOP / part[0]: part[1] for part in parts}


def test_the_dashboard_asks_whichever_prometheus_is_chosen():
    assert (DASHBOARD["uid"], DASHBOARD["schemaVersion"] >= 39) == ("paddock", True)
    (variable,) = DASHBOARD["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")


def test_panels_have_names_and_numbers_of_their_own():
    every = DASHBOARD["panels"]
    assert len({panel["id"] for panel in every}) == len({panel["title"] for panel in every}) == len(every)


def test_no_two_panels_lie_on_each_other_and_none_is_off_the_grid():
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert all(one["x"] >= 0 and one["x"] + one["w"] <= 24 and one["h"] > 0 for one in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)


@every_panel
def test_a_panel_is_of_a_kind_that_grafana_has_and_its_queries_are_whole(panel):
    assert panel["type"] in ("timeseries", "stat", "bargauge")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"] == SOURCE
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
    assert all(
        target["datasource"] == SOURCE and target["expr"] and target["legendFormat"] for target in panel["targets"]
    )


@every_panel
def test_a_panel_asks_for_metrics_and_labels_that_are_shown(panel):
    labels = {name: set(names) for name, names in shown().items()}
    for target in panel["targets"]:
        named = METRIC.findall(target["expr"])
        assert named
        assert labels_of(target["expr"]) <= set().union(*(labels[name] for name in named))
        assert marks_of(target["legendFormat"]) <= labels_of(target["expr"])


@pytest.mark.parametrize("subject", SUBJECTS)
def test_there_is_a_panel_for_each_subject(subject):
    assert set(SUBJECTS[subject]) <= {name for query in QUERIES.values() for name in METRIC.findall(query)}


# ------------------------------------------------------------------------------------------------------ what runs it


def test_prometheus_takes_its_configuration(tmp_path):
    tool = found("promtool")
    if tool is None:
        missing(MISSING.format("promtool"))
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config(ALERTS)))
    assert "SUCCESS" in promtool(tool, "check", "config", tmp_path / "prometheus.yml")


def test_compose_gives_prometheus_its_files_and_every_process_a_place_to_scrape():
    made = yaml.safe_load((HERE / "prometheus.yml").read_text())
    seen = mounts("prometheus")
    assert made["rule_files"] == [seen[ALERTS]]
    assert f"--config.file={seen[HERE / 'prometheus.yml']}" in COMPOSE["prometheus"]["command"]
    (worker,) = [COMPOSE["worker"]["environment"]["PADDOCK_METRICS_PORT"]]
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in made["scrape_configs"]}
    assert targets == {"server": ["server:8402"], "facilitator": ["facilitator:8402"], "worker": [f"worker:{worker}"]}


def test_compose_gives_grafana_its_source_and_the_dashboard():
    seen = mounts("grafana")
    (source,) = yaml.safe_load((HERE / "grafana" / "datasource.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((HERE / "grafana" / "dashboards.yml").read_text())["providers"]
    dashboard = seen[HERE / "dashboard.json"]
    assert dashboard.startswith(provider["options"]["path"] + "/")
    assert COMPOSE["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == dashboard
    assert {"datasource.yml", "dashboards.yml"} <= {path.name for path in seen}


@pytest.mark.parametrize("service", ["prometheus", "grafana", "jaeger"])
def test_what_watches_is_asked_for_by_its_profile_and_listens_on_this_machine_alone(service):
    assert COMPOSE[service]["profiles"] == ["observability"]
    assert all(port.startswith("127.0.0.1:") for port in COMPOSE[service]["ports"])
    assert COMPOSE[service]["image"].startswith("${" + service.upper() + "_IMAGE:-")
