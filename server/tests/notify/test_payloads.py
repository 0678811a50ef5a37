"""What goes out where a format is standard, byte by byte."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from alert_scenes import AT, ends, fires
from notify_scenes import Posts, hook
from outside import Outside

from observatory.model.measurement import Measurement

RULE = "trading_execution.unknown_age.critical"
MEASURED = Measurement(72.5, "s", 3, 60, AT, "fact_orders")
ABOUT = {
    "measurement": MEASURED,
    "bound": "above the critical bound of 1 min",
    "sentence": "age of the oldest order in an unknown state: 1 min 12 s > 1 min & nobody knows why",
    "area": "trading_execution",
    "services": ("trade_execution_service",),
    "labels": {"rule_kind": "indicator"},
    "runbook": "trading-execution-unknown-age",
    "evidence": ("0af7651916cd43dd8448eb211c80319c",),
}
FINGERPRINT = fires(RULE).alert.fingerprint
BASE = "https://observatory.example/api/v1/monitoring"


def expected(status: str, ends_at: str, note: str, incident: str, receiver: str = "hook") -> bytes:
    labels = (
        f'{{"alertname":"{RULE}","area":"trading_execution","environment":"production",'
        '"monitor":"observatory","rule_kind":"indicator","service":"trade_execution_service","severity":"critical"}'
    )
    annotations = (
        f'{{"alert_id":"{FINGERPRINT}:1","bound":"above the critical bound of 1 min",'
        f'"evidence":"{BASE}/traces/0af7651916cd43dd8448eb211c80319c",'
        f'"incident":"{incident}","incident_url":"{BASE}/incidents/{incident}",'
        f'"runbook_url":"{BASE}/runbooks/trading-execution-unknown-age","samples":"3",'
        '"services":"trade_execution_service","since":"2026-03-04T05:06:07Z",'
        '"summary":"age of the oldest order in an unknown state: 1 min 12 s \\u003e 1 min \\u0026 nobody knows why",'
        '"unit":"s","value":"72.5","window_s":"60"}'
    )
    return (
        f'{{"receiver":"{receiver}","status":"{status}","alerts":[{{"status":"{status}","labels":{labels},'
        f'"annotations":{annotations},"startsAt":"2026-03-04T05:06:07Z","endsAt":"{ends_at}",'
        f'"generatorURL":"{BASE}/alerts/{FINGERPRINT}","fingerprint":"{FINGERPRINT}"}}],'
        f'"notification_reason":"{note}",'
        '"groupLabels":{"environment":"production"},'
        f'"commonLabels":{labels},"commonAnnotations":{annotations},'
        f'"externalURL":"https://observatory.example","version":"4",'
        f'"groupKey":"{{}}:{{environment=\\"production\\", incident=\\"{incident}\\"}}","truncatedAlerts":0}}\n'
    ).encode()


async def test_a_webhook_of_version_4_is_what_alertmanager_would_write(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world)], base="https://observatory.example")
    await post.told(fires(RULE, **ABOUT))
    over = ends(RULE, after_s=90.25, **ABOUT)
    over = replace(over, alert=replace(over.alert, fired_at=AT, started_at=AT))
    await post.told(over, after_s=120)
    first, second = world.asked
    incident = first.json["commonAnnotations"]["incident"]
    assert first.body == expected("firing", "0001-01-01T00:00:00Z", "first notification", incident)
    assert second.body == expected("resolved", "2026-03-04T05:07:37.25Z", "all alerts resolved", incident)
    assert first.headers["content-type"] == "application/json"
    assert (first.method, first.path) == ("POST", "/hook")


async def test_an_alertmanager_is_told_at_once_and_again_while_the_alert_fires(
    open_post: Posts, world: Outside
) -> None:
    post = await open_post(
        [{"id": "am", "kind": "alertmanager", "url": world.url, "resend_s": 60}], base="https://observatory.example"
    )
    await post.told(fires(RULE, **ABOUT), after_s=2)
    (asked,) = world.asked
    assert (asked.method, asked.path) == ("POST", "/api/v2/alerts")
    incident = asked.json[0]["annotations"]["incident"]
    whole = expected("firing", "", "", incident)
    entry = whole[whole.index(b'"labels"') : whole.index(b',"startsAt"')]
    assert asked.body == (
        b"[{"
        + entry
        + b',"startsAt":"2026-03-04T05:06:07Z","endsAt":"2026-03-04T05:10:09Z",'
        + f'"generatorURL":"{BASE}/alerts/{FINGERPRINT}"}}]'.encode()
    )
    await post.deliver(61)
    assert len(world.asked) == 2
    # By their labels an Alertmanager knows one alert from another: told again it is the same.
    assert world.asked[1].json[0]["labels"] == asked.json[0]["labels"]
    assert world.asked[1].json[0]["endsAt"] == "2026-03-04T05:11:10Z"
    await post.told(ends(RULE, after_s=70, **ABOUT), after_s=30)
    assert world.asked[2].json[0]["endsAt"] == "2026-03-04T05:07:17Z"
    await post.deliver(61)
    # For some minutes after its end as well: it may have missed it.
    assert world.asked[-1].json[0]["endsAt"] == "2026-03-04T05:07:17Z"
    count = len(world.asked)
    await post.deliver(timedelta(minutes=20).total_seconds())
    await post.deliver(61)
    assert len(world.asked) == count


async def test_common_labels_are_those_that_all_alerts_share(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world)])
    services = ("trade_execution_service",)
    await post.told(
        fires("a.critical", member="binance", services=services),
        fires("b.critical", member="binance", services=services),
    )
    told = world.asked[0].json
    assert len(told["alerts"]) == 2
    assert told["commonLabels"]["member"] == "binance"
    assert "alertname" not in told["commonLabels"]
    assert told["truncatedAlerts"] == 0
    assert told["externalURL"] == ""
