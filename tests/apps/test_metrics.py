"""Scrapes of a real coordinator, read by Prometheus' own parser."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from colonies_edge.apps import prometheus
from colonies_edge.apps.coordinator.front_desk import FrontDesk
from colonies_edge.apps.prometheus import Histogram, Sample, by_label, exposition
from colonies_edge.transports.desk import Page, Shown
from colonies_edge.transports.http_gateway_app import application
from colonies_edge.transports.system import SystemClock
from tests.support.http import said
from tests.support.http_colony import HttpColony
from tests.support.live_colony import working

GRAFANA = Path(__file__).resolve().parents[2] / "docs" / "grafana" / "colonies-edge.json"
UPSTREAM = {"colonies_server_colonies", "colonies_server_executors"} | {
    f"colonies_server_{kind}_{state}"
    for kind in ("processes", "workflows")
    for state in ("waiting", "running", "successful", "failed")
}


@pytest.fixture
def colony(tmp_path: Path) -> Iterator[HttpColony]:
    with HttpColony(tmp_path) as running:
        yield running


def scraped(colony: HttpColony) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    found = said(colony.http, "GET", "/metrics")
    assert (found.status, found.headers["content-type"]) == (200, prometheus.CONTENT_TYPE)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(found.body.decode())
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_upstreams_gauges_have_upstreams_names_and_tell_the_truth(colony: HttpColony) -> None:
    worker = colony.worker()
    done = colony.submit()
    colony.submit()
    colony.submit(executortype="nobody")
    colony.do(worker, "assignprocessmsg", colonyname="lab", timeout=-1)
    colony.do(worker, "closefailedmsg", processid=done["processid"])
    found = scraped(colony)
    assert {name for name, _ in found} >= UPSTREAM
    assert found[key("colonies_server_processes_waiting")] == 2
    assert found[key("colonies_server_processes_failed")] == 1
    assert found[key("colonies_edge_processes", colony="lab", state="waiting")] == 2


def test_the_age_of_queues_and_who_serves_them(colony: HttpColony) -> None:
    colony.submit(executortype="nobody")
    colony.submit(executortype="somebody", maxexectime=60)
    nobody = {"colony": "lab", "executortype": "nobody"}
    first = scraped(colony)
    assert first[key("colonies_edge_queue_served", **nobody)] == 0
    assert (
        scraped(colony)[key("colonies_edge_queue_age_seconds", **nobody)]
        >= first[key("colonies_edge_queue_age_seconds", **nobody)]
    )
    executor = colony.executor("somebody")
    executor.function(lambda: None, name="work")
    with working(executor):
        while scraped(colony)[key("colonies_server_processes_successful")] < 1:
            pass
        found = scraped(colony)
        assert found[key("colonies_edge_executors_ready", colony="lab")] == 1
    assert key("colonies_edge_queue_age_seconds", colony="lab", executortype="somebody") not in found


def test_the_coordinator_tells_of_itself(colony: HttpColony) -> None:
    colony.submit()
    found = scraped(colony)
    assert found[key("colonies_edge_journal_sync_seconds_count")] >= 1
    assert found[key("colonies_edge_journal_sync_seconds_bucket", le="+Inf")] >= 1
    assert found[key("colonies_edge_broker_round_trip_seconds")] >= 0
    assert found[key("process_resident_memory_bytes")] > 1e6
    assert found[key("colonies_edge_read_only")] == 0
    (info,) = (dict(labels) for name, labels in found if name == "colonies_edge_info")
    assert info["serverid"] == colony.serverid


def test_repeats_and_replays_are_counted(colony: HttpColony) -> None:
    stamp = {"msgid": "r" * 22, "ts": SystemClock().wall_ns() // 1_000_000}
    for _ in range(3):
        colony.do(colony.me, "submitfuncspecmsg", spec={"conditions": {"colonyname": "lab"}}, **stamp)
    assert colony.ask(colony.me, "getcolonymsg", colonyname="lab", msgid="s" * 22, ts=1)[0] == 425
    found = scraped(colony)
    assert found[key("colonies_edge_calls_repeated_total")] == 2
    assert found[key("colonies_edge_replays_refused_total")] == 1


def test_every_name_in_the_grafana_dashboard_exists(colony: HttpColony) -> None:
    colony.submit(executortype="nobody")
    names = {name for name, _ in scraped(colony)}
    dashboard = json.loads(GRAFANA.read_text(encoding="utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    used = {name for query in queries for name in re.findall(r"\b(?:colonies_\w+|process_\w+)", query)}
    assert len(used) > 15
    # A counter by reason has no sample before its first reason.
    assert used - names <= {"colonies_edge_dropped_total"}


def test_names_that_tenants_choose_cannot_break_the_text() -> None:
    nasty = 'a"b\\c\nd{}'
    text = exposition([by_label("m", "help", "type", {nasty: 1})]).decode()
    (family,) = text_string_to_metric_families(text)
    assert family.samples[0].labels == {"type": nasty}


def test_a_histogram_counts_up_to_its_bounds() -> None:
    histogram = Histogram(0.1, 1.0)
    for value in (0.05, 0.1, 0.5, 2.0):
        histogram.observe(value)
    assert histogram.family("m", "help").samples == (
        Sample(value=2, labels={"le": "0.1"}, suffix="_bucket"),
        Sample(value=3, labels={"le": "1"}, suffix="_bucket"),
        Sample(value=4, labels={"le": "+Inf"}, suffix="_bucket"),
        Sample(value=2.65, suffix="_sum"),
        Sample(value=4, suffix="_count"),
    )


def test_other_machines_are_shown_them_only_when_the_operator_said_so() -> None:
    async def status(local: bool, client: str) -> int:
        desk = FrontDesk(lambda delivery: None, lambda: "")
        shown = Shown(make=lambda: Page(content_type="text/plain", body=b"numbers"), local=local)
        transport = httpx2.ASGITransport(application(desk, {"/metrics": shown}, 1000), client=(client, 1))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
            return (await http.get("/metrics")).status_code

    for client, local, wanted in (("192.0.2.9", True, 403), ("192.0.2.9", False, 200), ("127.0.0.1", True, 200)):
        assert asyncio.run(status(local, client)) == wanted


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:50080", "[::1]:50080", socket.gethostname().upper()])
def test_a_scraper_of_this_machine_may_call_it_by_any_of_its_names(colony: HttpColony, host: str) -> None:
    assert said(colony.http, "GET", "/metrics", headers={"Host": host}).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "elsewhere.example"},
        {"Host": "elsewhere.example", "Origin": "http://elsewhere.example"},
        {"Origin": "http://elsewhere.example"},
        {"X-Forwarded-For": "192.0.2.9"},
    ],
    ids=str,
)
def test_a_page_that_was_led_here_and_who_comes_through_a_proxy_are_others(
    colony: HttpColony, headers: dict[str, str]
) -> None:
    assert said(colony.http, "GET", "/metrics", headers=headers).status == 403
