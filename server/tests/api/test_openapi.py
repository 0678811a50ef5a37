"""The API does what its own description says, whatever it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema_rs import validator_for
from schemathesis.specs.openapi.checks import positive_data_acceptance
from serving import Serving, serving

EXAMPLES = 12
# What fills the disk, takes away the token or session that the others ask with, or does not end.
LEFT_OUT = {
    "GET /api/v1/monitoring/stream",
    "POST /api/v1/monitoring/erasures",
    "POST /api/v1/monitoring/backups",
    "POST /logout",
    "DELETE /api/v1/monitoring/tokens/{token_id}",
}

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("openapi") / "data", tick_s=0.5, replay_s=1) as found:
        yield found


@pytest.fixture(scope="module")
def document(server: Serving) -> dict[str, Any]:
    answer = httpx.get(f"{server.url}/openapi.json", headers=server.headers, timeout=120)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def test_every_example_is_valid_against_its_schema(document: dict[str, Any]) -> None:
    seen = 0
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", []):
            validator = validator_for({**schema, "components": document["components"]})
            problems = [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(example)]
            assert not problems, f"{name}: {problems[:3]}"
            seen += 1
    assert seen >= 20


def test_every_answer_of_monitoring_has_an_example(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        if "get" not in item or not path.startswith("/api/v1/monitoring"):
            continue
        content = item["get"]["responses"]["200"]["content"]
        if {"text/csv", "text/markdown", "text/event-stream"} & set(content):
            continue
        answer = content["application/json"]["schema"]
        schema = document["components"]["schemas"][answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
        assert schema.get("examples"), path


def test_no_question_brings_an_answer_that_is_not_described(server: Serving) -> None:
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json", headers=server.headers)
    tried: list[str] = []
    for found in schema.get_all_operations():
        operation = found.ok()
        name = f"{operation.method.upper()} {operation.path}"
        if name in LEFT_OUT:
            continue
        tried.append(name)
        _try(operation, server.headers)
    assert len(tried) >= 20


def _try(operation: Any, headers: dict[str, str]) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        # Parameters that contradict each other (`to` and `as_of`) are refused, which a schema cannot say.
        case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

    ask()


def test_the_server_is_whole_after_all_that(server: Serving) -> None:
    assert httpx.get(f"{server.url}/readyz", timeout=120).status_code == 200
    answer = httpx.get(f"{server.url}/api/v1/monitoring/system-health", headers=server.headers, timeout=120)
    assert answer.status_code == 200
