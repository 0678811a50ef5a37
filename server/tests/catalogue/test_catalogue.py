"""The catalogue says what the platform's inventory says, and refuses data that contradicts itself."""

import dataclasses
import re
from importlib.resources import files

import pytest

from observatory.catalogue import Catalogue, CatalogueError, decode, load

# The inventory's headings with the number that stands behind each, in its order.
GROUPS = {
    "AI & Intelligence Systems": 10,
    "Signal Intelligence": 8,
    "Trading & Execution": 9,
    "Market Data & Analysis": 8,
    "Risk & Portfolio Management": 6,
    "Discovery & Opportunities": 4,
    "Credits & Payments": 3,
    "System Health & Monitoring": 7,
    "Cost & Optimization": 1,
    "Infrastructure & Core": 9,
}
# The priority matrix; credits and emergency are not in it and are P0.
PRIORITIES = {
    "ai_systems": "P0",
    "signal_intelligence": "P0",
    "trading_execution": "P0",
    "market_data": "P1",
    "risk_management": "P2",
    "credits": "P0",
    "strategies": "P2",
    "costs": "P1",
    "emergency": "P0",
    "resources": "P3",
}
AREAS_THAT_DIFFER_FROM_THEIR_GROUP = {
    "trade_execution_service": "trading_execution",
    "paper_trading_engine": "trading_execution",
    "binance_smart_router": "trading_execution",
    "real_backtesting_engine": "strategies",
    "real_performance_tracker": "strategies",
    "user_opportunity_discovery": "strategies",
    "simple_asset_discovery": "market_data",
    "dynamic_asset_filter": "market_data",
    "user_onboarding_service": "credits",
    "emergency_manager": "emergency",
    "health_monitor": "emergency",
    "system_journal": "emergency",
    "strategy_system_monitor": "strategies",
    "email_service": "signal_intelligence",
    "telegram_core": "signal_intelligence",
    "websocket_service": "signal_intelligence",
}
AREA_OF_GROUP = {
    "AI & Intelligence Systems": "ai_systems",
    "Signal Intelligence": "signal_intelligence",
    "Trading & Execution": "strategies",
    "Market Data & Analysis": "market_data",
    "Risk & Portfolio Management": "risk_management",
    "Credits & Payments": "credits",
    "System Health & Monitoring": "resources",
    "Cost & Optimization": "costs",
    "Infrastructure & Core": "resources",
}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load()


def test_there_are_65_services_with_unique_ids_and_names(catalogue: Catalogue) -> None:
    assert len(catalogue.services) == 65
    assert len({service.id for service in catalogue.services}) == 65
    assert len({service.name for service in catalogue.services}) == 65


def test_each_group_has_the_inventorys_number_of_services(catalogue: Catalogue) -> None:
    assert {group.name: len(group.services) for group in catalogue.groups} == GROUPS
    for group in catalogue.groups:
        assert all(catalogue.service(service_id).group == group.name for service_id in group.services)


def test_each_area_has_the_matrix_priority_and_a_service(catalogue: Catalogue) -> None:
    assert {area.id: area.priority for area in catalogue.areas} == PRIORITIES
    for area in catalogue.areas:
        assert catalogue.services_of(area.id), area.id
        assert area.name
        assert area.sentence.endswith(".")


def test_each_service_stands_in_its_area_with_its_areas_priority(catalogue: Catalogue) -> None:
    for service in catalogue.services:
        by_group = AREA_OF_GROUP.get(service.group, "")
        assert service.area == AREAS_THAT_DIFFER_FROM_THEIR_GROUP.get(service.id, by_group), service.id
        assert service.priority == PRIORITIES[service.area], service.id


def test_each_dependency_is_a_service_of_the_catalogue(catalogue: Catalogue) -> None:
    for service in catalogue.services:
        assert all(name in catalogue for name in service.dependencies), service.id
    assert catalogue.service("crypto_payment_service").dependencies == ("credit_ledger",)


def test_each_runbook_slug_is_well_formed_and_its_own(catalogue: Catalogue) -> None:
    slugs = [service.runbook for service in catalogue.services]
    assert all(re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", slug) for slug in slugs)
    assert len(set(slugs)) == 65


def test_each_objective_is_possible_and_defaults_to_its_areas(catalogue: Catalogue) -> None:
    for service in catalogue.services:
        assert 0.9 <= service.objective.availability_ratio < 1, service.id
        assert service.objective.latency_ms > 0, service.id
    assert catalogue.service("oauth_service").objective == catalogue.area("resources").objective
    slow = catalogue.service("ai_consensus_engine")
    assert slow.objective.latency_ms > catalogue.area(slow.area).objective.latency_ms
    assert slow.objective.availability_ratio == catalogue.area(slow.area).objective.availability_ratio


def test_each_service_says_what_it_does_in_one_sentence(catalogue: Catalogue) -> None:
    sentences = [service.sentence for service in catalogue.services]
    assert all(sentence.endswith(".") and len(sentence) < 120 for sentence in sentences)
    assert len(set(sentences)) == 65


def test_the_catalogue_is_read_once_and_cannot_be_changed(catalogue: Catalogue) -> None:
    assert load() is catalogue
    with pytest.raises(dataclasses.FrozenInstanceError):
        catalogue.service("credit_ledger").area = "costs"  # type: ignore[misc]


def test_an_unknown_id_is_named_in_the_error(catalogue: Catalogue) -> None:
    assert "no_such_service" not in catalogue
    with pytest.raises(CatalogueError, match="'no_such_service'"):
        catalogue.service("no_such_service")
    with pytest.raises(CatalogueError, match=r"'weather'.*ai_systems"):
        catalogue.services_of("weather")


def _shipped(name: str) -> str:
    return files("observatory.catalogue").joinpath(name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("    area: costs", "    area: weather", r"'api_cost_tracker': no area 'weather'; there are ai_systems"),
        ("- id: email_service", "- id: oauth_service", "service 'oauth_service' stands twice"),
        ("- id: email_service", "- id: Email Service", "id is 'Email Service', must match"),
        ("runbook: email-service", "runbook: /etc/passwd", "'email_service': runbook is '/etc/passwd'"),
        ("runbook: email-service", "note: none", "'email_service': runbook is None, must be a text"),
        ("[credit_ledger]", "[credit_leger]", "depends on credit_leger, not in the catalogue"),
        ("latency_ms: 100}", "latency_ms: fast}", "'rate_limit_service': latency_ms must be above 0 in .*'fast'"),
        ("latency_ms: 100}", "latency_ms: true}", "'rate_limit_service': latency_ms must be above 0 in .*True"),
        ("latency_ms: 100}", "p99: 100}", "objective may hold availability_ratio and latency_ms"),
        ('name: "Cost & Optimization"', 'name: "Signal Intelligence"', "group 'Signal Intelligence' stands twice"),
        ("groups:", "groups: ]", r"services\.yaml is no YAML"),
        ("groups:", "clubs:", r"services\.yaml: groups must be a list"),
    ],
)
def test_bad_service_entries_are_refused_with_their_place(before: str, after: str, message: str) -> None:
    text = _shipped("services.yaml")
    assert before in text
    with pytest.raises(CatalogueError, match=message):
        decode(areas=_shipped("areas.yaml"), services=text.replace(before, after, 1))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("priority: P3", "priority: P9", "area 'resources': priority is 'P9', must be one of P0, P1, P2, P3"),
        ("  P3: {", "  P4: {", "priorities must be exactly P0, P1, P2, P3"),
        ("availability_ratio: 0.995", "availability_ratio: 99.5", "priority P1: availability_ratio must be .* 99.5"),
        ("latency_ms: 1000", "latency_ms: 0", "priority P0: latency_ms must be above 0 in"),
        ("- id: costs", "- id: credits", "area 'credits' stands twice"),
    ],
)
def test_bad_area_entries_are_refused_with_their_place(before: str, after: str, message: str) -> None:
    text = _shipped("areas.yaml")
    assert before in text
    with pytest.raises(CatalogueError, match=message):
        decode(areas=text.replace(before, after, 1), services=_shipped("services.yaml"))


def test_a_service_may_not_depend_on_itself() -> None:
    text = _shipped("services.yaml").replace("dependencies: [credit_ledger]", "dependencies: [crypto_payment_service]")
    with pytest.raises(CatalogueError, match="'crypto_payment_service' depends on itself"):
        decode(areas=_shipped("areas.yaml"), services=text)
