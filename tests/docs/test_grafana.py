"""examples/grafana/dashboard.json: what Grafana needs, and metrics that exist."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.docs.pages import ROOT
from tests.docs.test_http import full_exposition

DASHBOARD = json.loads((ROOT / "examples/grafana/dashboard.json").read_text())
ROWS = [panel for panel in DASHBOARD["panels"] if panel["type"] == "row"]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
EACH = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
# What an operator looks for → a metric that shows it.
TOPICS = {
    "requests": "orchestrator_requests_total",
    "states": "orchestrator_service_state",
    "held requests": "orchestrator_held",
    "start durations": "orchestrator_cold_start_seconds_bucket",
    "phases": "orchestrator_cold_start_phase_seconds_sum",
    "queue": "orchestrator_jobs",
    "tunnels": "orchestrator_cluster_calls_total",
    "spool": "orchestrator_spool_free_bytes",
}


def metrics_and_labels() -> dict[str, set[str]]:
    """Every name that a query may have, _bucket and the like included."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(full_exposition()):
        for sample in family.samples:
            found[sample.name] |= sample.labels.keys()
    return found


EXPOSED = metrics_and_labels()


def queries(panel: dict[str, Any]) -> list[str]:
    return [target["expr"] for target in panel["targets"]]


def metrics(query: str) -> list[str]:
    return re.findall(r"\borchestrator_\w+", query)


@EACH
def test_a_panel_queries_metrics_and_labels_that_exist(panel: dict[str, Any]) -> None:
    for query in queries(panel):
        assert metrics(query)
        for metric, matchers in re.findall(r"\b(orchestrator_\w+)(?:\{([^}]*)\})?", query):
            assert metric in EXPOSED
            assert set(re.findall(r"(\w+)(?==~?\")", matchers)) <= EXPOSED[metric]
        labels = {
            label for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(", ")
        }
        assert labels <= {label for metric in metrics(query) for label in EXPOSED[metric]}


@EACH
def test_a_panel_reads_the_data_source_of_the_variable(panel: dict[str, Any]) -> None:
    assert panel["datasource"] == SOURCE
    assert all(target["datasource"] == SOURCE for target in panel["targets"])


def test_the_variables_are_the_data_source_and_the_service() -> None:
    source, service = DASHBOARD["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    assert (service["name"], service["datasource"]) == ("service", SOURCE)
    metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", service["definition"]).groups()
    assert label in EXPOSED[metric]


def test_every_topic_has_a_panel() -> None:
    shown = {metric for panel in PANELS for query in queries(panel) for metric in metrics(query)}
    assert set(TOPICS.values()) <= shown


def test_panels_have_numbers_and_places_of_their_own() -> None:
    assert DASHBOARD["schemaVersion"] == 42
    everything = ROWS + PANELS
    assert len({panel["id"] for panel in everything}) == len(everything)
    cells: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in everything):
        assert place["x"] + place["w"] <= 24
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & cells
        cells |= own
