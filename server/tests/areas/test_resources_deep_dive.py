"""The deep dive of the resources against a reference that goes through the points one by one."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from observatory import areas
from observatory.areas import deepdive
from observatory.areas.assess import Span
from observatory.store import Store

REDIS = {"server.address": "cache-1"}
WINDOW_S, FRESH_S = 300, 60
# On both sides of what is fresh and of the range; a point at its very start is before it.
AGES = st.sampled_from([1, 20, 59, 60, 61, 200, 299, 300, 4_000])
QUEUES = st.sampled_from(["mail", "jobs", ""])
GAUGES = st.lists(
    st.fixed_dictionaries(
        {
            "metric": st.sampled_from(["queue.depth", "queue.oldest_item.age"]),
            "queue": QUEUES,
            "ago": AGES,
            "value": st.integers(0, 500),
        }
    ),
    max_size=25,
    unique_by=lambda each: (each["metric"], each["queue"], each["ago"]),
)
COUNTERS = st.lists(
    st.fixed_dictionaries(
        {
            "queue": QUEUES,
            "started": st.sampled_from([3_600, 250, 100]),
            "ago": AGES,
            "value": st.integers(0, 9_000),
        }
    ),
    max_size=25,
)


@pytest.fixture
def dive(store: Store, sender: Any) -> Callable[..., Any]:
    """The rows of the deep dive by section, and the values of those of the whole area."""

    async def run(window_s: int = 300, only: str | None = None) -> Mapping[str, Any]:
        sender.flush()
        area = next(each for each in areas.load() if each.id == "resources")
        (found,) = deepdive.load(area)
        span = Span(sender.at, window_s, sender.at - timedelta(days=1))
        shown = await deepdive.read(area, found, store.reader, sender.environment, span, only=only)
        return {each.section.id: each.rows or each.numbers for each in shown}

    return run


async def test_a_redis_is_told_by_its_last_readings_and_by_what_its_counters_rose(sender: Any, dive: Any) -> None:
    for ago, used in ((290, 400e6), (5, 600e6)):
        sender.gauge("redis.memory.used", used, ago=ago, **REDIS)
    sender.gauge("redis.maxmemory", 1e9, ago=5, **REDIS)
    sender.gauge("redis.memory.fragmentation_ratio", 1.4, ago=5, **REDIS)
    for name, before, after in (
        ("redis.keyspace.hits", 1_000, 1_090),
        ("redis.keyspace.misses", 500, 510),
        ("redis.keys.evicted", 7, 37),
    ):
        sender.counter(name, before, ago=100, **REDIS)
        sender.counter(name, after, ago=40, **REDIS)
    sender.gauge("redis.memory.used", 5.0, ago=5, **{"server.address": "cache-2"})
    sender.gauge("redis.maxmemory", 0.0, ago=5, **{"server.address": "cache-2"})
    answer = await dive()
    one, other = answer["redis"]
    assert (one["server"], one["used_bytes"], one["limit_bytes"], one["used_ratio"]) == ("cache-1", 600e6, 1e9, 0.6)
    assert (one["hits"], one["misses"], one["hit_rate"]) == (90, 10, 0.9)
    assert (one["evictions"], one["evictions_per_s"], one["fragmentation_ratio"]) == (30, 0.5, 1.4)
    assert (other["server"], other["limit_bytes"], other["used_ratio"], other["hit_rate"]) == ("cache-2", *[None] * 3)
    assert answer["overall"]["redis_memory_used_ratio"].value == 0.6
    assert answer["overall"]["redis_evictions"].value == 30


@pytest.mark.parametrize("seed", range(4))
async def test_queues_and_pools_are_what_their_points_say_one_by_one(sender: Any, dive: Any, seed: int) -> None:
    random = Random(seed)
    wanted, pools = {}, {}
    for queue in ("mail", "reviews", "jobs")[: random.randint(1, 3)]:
        depth, age, worked, failed = (random.randint(0, 500) for _ in range(4))
        sender.gauge("queue.depth", random.randint(0, 9), ago=200, **{"queue.name": queue})
        sender.gauge("queue.depth", depth, ago=3, **{"queue.name": queue})
        sender.gauge("queue.oldest_item.age", age, ago=3, **{"queue.name": queue})
        for outcome, count in (("success", worked), ("failure", failed)):
            named = {"queue.name": queue, "queue.outcome": outcome}
            start = random.randint(0, 1_000)
            for ago, done in ((250, 0), (120, count // 2), (50, count)):
                sender.counter("queue.processed", start + done, ago=ago, **named)
        wanted[queue] = (depth, age, worked + failed)
    for pool in ("orders", "history"):
        used, most, waiting = random.randint(0, 20), random.choice([20, 40]), random.randint(0, 4)
        for state, count in (("used", used), ("idle", most - used)):
            named = {"db.client.connection.pool.name": pool, "db.client.connection.state": state}
            sender.gauge("db.client.connection.count", count, ago=4, **named)
        sender.gauge("db.client.connection.max", most, ago=4, **{"db.client.connection.pool.name": pool})
        for ago, count in ((60, waiting + 3), (4, waiting)):
            named = {"db.client.connection.pool.name": pool}
            sender.gauge("db.client.connection.pending_requests", count, ago=ago, **named)
        pools[pool] = (used, most - used, most, used / most, waiting, waiting + 3)
    answer = await dive()
    fields = ("depth", "oldest_age_s", "processed")
    assert {row["queue"]: tuple(row[name].value for name in fields) for row in answer["queues"]} == wanted
    rates = {row["queue"]: row["processed_per_s"].value for row in answer["queues"]}
    assert rates == {queue: pytest.approx(worked / 200) for queue, (_, _, worked) in wanted.items()}
    fields = ("used", "idle", "most", "used_ratio", "waiting", "waiting_max")
    assert {row["pool"]: tuple(row[name] for name in fields) for row in answer["pools"]} == pools
    assert answer["overall"]["queue_depth"].value == sum(each[0] for each in wanted.values())
    assert answer["overall"]["queue_oldest_age_s"].value == max(each[1] for each in wanted.values())


def by_hand(gauges: Sequence[Mapping[str, Any]], counters: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Of each queue its depth, oldest age and items worked on; nothing where nothing is known."""
    newest: dict[tuple[str, str], Mapping[str, Any]] = {}
    for each in sorted(gauges, key=lambda each: -int(each["ago"])):
        if each["ago"] < FRESH_S:
            newest[each["metric"], each["queue"]] = each
    runs: dict[tuple[str, int], list[Mapping[str, Any]]] = defaultdict(list)
    for each in counters:
        if each["ago"] < WINDOW_S:
            runs[each["queue"], each["started"]].append(each)
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for (metric, queue), each in newest.items():
        found[queue]["depth" if metric == "queue.depth" else "oldest_age_s"] = each["value"]
    for (queue, started), told in runs.items():
        values = [int(each["value"]) for each in told]
        rose = max(values) - (0 if started < WINDOW_S else min(values))
        found[queue]["processed"] = found[queue].get("processed", 0) + rose
    return dict(found)


@settings(
    max_examples=10,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(GAUGES, COUNTERS)
async def test_queues_of_any_kind_are_measured_as_by_hand(
    sender: Any, dive: Any, gauges: list[dict[str, Any]], counters: list[dict[str, Any]]
) -> None:
    # An environment for each example.
    sender.environment = f"test-{uuid.uuid4().hex[:12]}"
    for each in gauges:
        sender.gauge(each["metric"], each["value"], ago=each["ago"], **{"queue.name": each["queue"]})
    for each in counters:
        named = {"queue.name": each["queue"]}
        sender.counter("queue.processed", each["value"], ago=each["ago"], started=each["started"], **named)
    rows = {row["queue"]: row for row in (await dive(only="queues"))["queues"] or ()}
    wanted = by_hand(gauges, counters)
    # What has no name is of no queue of its own.
    for queue, numbers in ((queue, numbers) for queue, numbers in wanted.items() if queue):
        for name in ("depth", "oldest_age_s", "processed"):
            assert rows[queue][name].value == numbers.get(name), (queue, name)
    assert {name for name in rows if rows[name]["depth"].value is not None} == {
        queue for queue, numbers in wanted.items() if queue and "depth" in numbers
    }


async def test_cpu_of_a_service_is_marked_as_estimated_and_memory_stays_with_its_process(
    sender: Any, dive: Any
) -> None:
    for service, used_s in (("credit_ledger", 30), ("email_service", 10)):
        for ago, done in ((110, 0), (10, used_s)):
            named = {"observatory.service": service}
            sender.counter("observatory.service.cpu.time", 100 + done, ago=ago, **named)
    for ago, done in ((110, 5), (10, 55)):
        sender.counter("process.cpu.time", done, ago=ago)
    for ago, used in ((110, 1e6), (10, 2e6)):
        sender.gauge("process.memory.usage", used, ago=ago)
    answer = await dive()
    services = {row["service"]: row for row in answer["services"]}
    assert {name: row["cpu_used"].value for name, row in services.items()} == {
        "credit_ledger": pytest.approx(0.3),
        "email_service": pytest.approx(0.1),
    }
    assert services["credit_ledger"]["cpu_share_ratio"].value == pytest.approx(0.75)
    assert all(row["cpu_used"].estimated for row in services.values())
    (process,) = answer["processes"]
    assert (process["process"], process["instance"]) == ("cryptouniverse-backend", "one")
    assert (process["memory_bytes"].value, process["memory_bytes"].estimated) == (2_000_000, False)
    assert process["cpu_used"].value == pytest.approx(0.5)


async def test_network_of_a_service_is_the_sizes_that_its_calls_tell(sender: Any, dive: Any) -> None:
    mine = {"observatory.service": "email_service"}
    sender.span("POST", **mine, **{"http.request.body.size": 1_000, "http.response.body.size": 50})
    sender.span("POST", **mine, **{"http.request_content_length": 500})
    sender.span("GET", **mine)
    sender.span("GET", **{"observatory.service": "credit_ledger", "http.response.body.size": "long"})
    for direction, before, after in (("transmit", 10, 610), ("receive", 0, 60)):
        for ago, moved in ((70, before), (10, after)):
            named = {"network.io.direction": direction, "device": "eth0"}
            sender.counter("system.network.io", moved, ago=ago, **named)
    answer = await dive()
    (row,) = answer["services"]
    assert (row["service"], row["sent_bytes"].value, row["received_bytes"].value) == ("email_service", 1_500, 50)
    assert (row["sent_bytes"].samples, row["cpu_used"].value) == (2, None)
    moved = {(each["device"], each["direction"]): (each["bytes"], each["bytes_per_s"]) for each in answer["network"]}
    assert moved == {("eth0", "transmit"): (600, 10), ("eth0", "receive"): (60, 1)}


async def test_what_grows_tells_when_it_meets_its_limit(sender: Any, dive: Any) -> None:
    for step in range(60):
        ago = 3_540 - 60 * step
        sender.gauge("redis.memory.used", 100e6 + 5e6 * step, ago=ago + 1, **REDIS)
        sender.gauge("redis.maxmemory", 1e9, ago=ago + 1, **REDIS)
        named = {"db.client.connection.pool.name": "orders"}
        sender.gauge("db.client.connection.count", 5, ago=ago + 1, **named, **{"db.client.connection.state": "used"})
        sender.gauge("db.client.connection.max", 20, ago=ago + 1, **named)
        sender.gauge("system.memory.utilization", 0.4 + step / 600, ago=ago + 1, **{"system.memory.state": "used"})
        for state, size in (("used", 500 + step), ("free", 500 - step)):
            disk = {"system.filesystem.mountpoint": "/data", "system.filesystem.state": state}
            sender.gauge("system.filesystem.usage", size, ago=ago + 1, **disk)
    rows = {row["resource"]: row for row in (await dive(only="exhaustion"))["exhaustion"]}
    # 605 MB are left, 5 MB a minute.
    assert rows["redis_memory"]["exhausted_in_s"] == pytest.approx(605 / 5 * 60, rel=0.01)
    assert rows["redis_memory"]["growth_per_hour"] == pytest.approx(300e6, rel=0.01)
    assert (rows["redis_memory"]["used"], rows["redis_memory"]["limit"]) == (395e6, 1e9)
    assert (rows["pool"]["exhausted_in_s"], rows["pool"]["used_ratio"]) == (None, 0.25)
    assert rows["memory"]["exhausted_in_s"] == pytest.approx((1 - 0.4 - 59 / 600) * 600 * 60, rel=0.01)
    assert (rows["disk"]["name"], rows["disk"]["limit"]) == ("/data", 1)
    assert rows["disk"]["exhausted_in_s"] == pytest.approx(441 * 60, rel=0.01)
    assert list(rows)[-1] == "pool"
    assert all(row["exhausted_in_s_low"] <= row["exhausted_in_s"] for name, row in rows.items() if name != "pool")


async def test_routes_and_certificates_are_listed_by_target(sender: Any, dive: Any) -> None:
    for ago in (40, 10):
        sender.gauge("observatory.probe.up", 0, ago=ago)
        sender.gauge("tlscheck.time_left", 86_400 + ago, ago=ago)
    answer = await dive()
    assert [(row["target"], row["up"].value) for row in answer["probes"]] == [("one", 0)]
    assert [(row["target"], row["time_left_s"].value) for row in answer["certificates"]] == [("one", 86_410)]


async def test_the_platforms_own_chores_are_counted(sender: Any, dive: Any) -> None:
    sender.log("onboarding.step", **{"onboarding.step.name": "verify", "onboarding.step.duration_s": 2.5})
    sender.log("onboarding.step", **{"onboarding.step.name": "fund", "observatory.outcome": "failure"})
    sender.log("auth.attempt", **{"auth.method": "password", "observatory.outcome": "success"})
    for allowed in (True, True, False):
        sender.log("rate_limit.decision", **{"rate_limit.name": "orders", "rate_limit.allowed": allowed})
    for status in ("healthy", "unknown", "degraded", "critical"):
        sender.log("health.check", **{"health.check.target": "redis", "health.check.status": status})
    for name in ("journal.entry", "config.changed", "feature_flag.evaluation", "mock.served"):
        sender.log(name)
    sender.span("message.send", **{"message.kind": "welcome", "message.status": "accepted"})
    sender.span("message.send", **{"message.kind": "welcome", "message.status": "failed"})
    for before, after in ((1.0, 1.5), (1.0, 1.25)):
        gained = {"portfolio.objective.before": before, "portfolio.objective.after": after}
        sender.span("portfolio.optimise", **gained)
    for conflicts in (3, 0):
        sender.span("strategy.coordinate", **{"strategy.coordinate.conflicts": conflicts})
    found = {name: each.value for name, each in (await dive(only="platform"))["platform"].items()}
    assert found == {
        "onboarding_steps": 2,
        "onboarding_failure_ratio": 0.5,
        "sign_ins": 1,
        "sign_in_failure_ratio": 0,
        "rate_limit_decisions": 3,
        "rate_limited_ratio": pytest.approx(1 / 3),
        "journal_entries": 1,
        "health_checks": 4,
        "health_checks_failed_ratio": 0.5,
        "config_changes": 1,
        "flag_changes": 1,
        "mocks_served": 1,
        "messages": 2,
        "message_failure_ratio": 0.5,
        "optimisations": 2,
        "optimisation_gain": 0.375,
        "coordinations": 2,
        "coordination_conflicts": 3,
    }


async def test_what_nobody_reports_is_not_a_number(dive: Any) -> None:
    answer = await dive()
    values = [*answer.pop("overall").values(), *answer.pop("platform").values()]
    assert {each.value for each in values} == {None}
    assert not any(answer.values())
