"""Alertmanager's formats: webhook version 4, out and in, and the alerts of `POST /api/v2/alerts`.

Fields, their order, and the way that JSON is written are Alertmanager's (0.34), so that a receiver made for it sees no
difference: keys of maps in order, no spaces, `<`, `>` and `&` escaped, a line break at the end, no end as year 1.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from observatory.model.alert import Alert
from observatory.model.notification import Message, Status
from observatory.notify.links import Links
from observatory.state.deliveries import Delivery

NEVER = "0001-01-01T00:00:00Z"
# Marks what comes from here, so that it is not taken in again when another system hands it back.
OURS = ("monitor", "observatory")
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def payload(delivery: Delivery, links: Links) -> bytes:
    """A delivery as the body of a webhook, version 4."""
    alerts = [_offered(_told(each, links), each, links) for each in delivery.messages]
    group = {"environment": delivery.environment}
    incident = delivery.messages[0].incident
    group |= {"incident": incident} if incident else {"alertname": _name(delivery.messages[0])}
    labels = _common([each["labels"] for each in alerts])
    data = {
        "receiver": delivery.channel,
        "status": "resolved" if delivery.status is Status.RESOLVED else "firing",
        "alerts": alerts,
        "notification_reason": delivery.note,
        "groupLabels": {name: value for name, value in group.items() if labels.get(name)},
        "commonLabels": labels,
        "commonAnnotations": _common([each["annotations"] for each in alerts]),
        "externalURL": links.base,
        "version": "4",
        "groupKey": f"{{}}:{{{_pairs(group)}}}",
        "truncatedAlerts": 0,
    }
    return written(data) + b"\n"


def alerts(messages: Iterable[Message], links: Links, ends_at: datetime) -> bytes:
    """The body of `POST /api/v2/alerts`.

    Args:
        messages: what is told of each alert.
        links: where links point to.
        ends_at: until when an alert that fires is taken to do so if nothing more is heard.
    """
    told = []
    for message in messages:
        entry = _told(message, links)
        ended = entry["endsAt"] if message.status is Status.RESOLVED else moment(ends_at)
        told.append(
            {
                "labels": entry["labels"],
                "annotations": entry["annotations"],
                "startsAt": entry["startsAt"],
                "endsAt": ended,
                "generatorURL": entry["generatorURL"],
            }
        )
    return written(told)


def _told(message: Message, links: Links) -> dict[str, Any]:
    alert = message.alert
    if alert is None:
        return _plain(message, links)
    ended = message.status is Status.RESOLVED and alert.resolved_at is not None
    return {
        "status": "resolved" if ended else "firing",
        "labels": _sorted(labels(alert)),
        "annotations": _sorted(_annotations(alert, message, links)),
        "startsAt": moment(alert.fired_at or alert.started_at),
        "endsAt": moment(alert.resolved_at) if ended and alert.resolved_at is not None else NEVER,
        "generatorURL": links.alert(alert),
        "fingerprint": alert.fingerprint,
    }


def _offered(told: dict[str, Any], message: Message, links: Links) -> dict[str, Any]:
    """With the address at which it can be taken, while it fires. Only for webhooks: an Alertmanager shows it to all."""
    link = links.acknowledge(message) if message.alert is not None and told["status"] == "firing" else ""
    return told | {"annotations": _sorted(told["annotations"] | {"acknowledge_url": link})} if link else told


def _plain(message: Message, links: Links) -> dict[str, Any]:
    """What is not about an alert, as an alert of its own kind."""
    told = {"alertname": message.kind.value, "severity": message.severity.value, OURS[0]: OURS[1]}
    told |= {"environment": message.environment} if message.environment else {}
    told |= {"incident": message.incident} if message.incident else {}
    said = {"summary": message.title} | ({"description": message.text} if message.text else {})
    return {
        "status": "resolved" if message.status is Status.RESOLVED else "firing",
        "labels": _sorted(told),
        "annotations": _sorted(said),
        "startsAt": moment(message.at),
        "endsAt": NEVER,
        "generatorURL": links.incident(message.incident),
        "fingerprint": "",
    }


def labels(alert: Alert) -> dict[str, str]:
    """An alert's labels; empty ones are left out, as Alertmanager does.

    They are the alert's identity for whoever is told of it again: nothing that changes while it fires is one of them.
    """
    told = dict(alert.labels) | {
        "alertname": alert.rule,
        "area": alert.area,
        "environment": alert.environment,
        "member": alert.member,
        "severity": alert.severity.value,
        "service": alert.services[0] if len(alert.services) == 1 else "",
        OURS[0]: OURS[1],
    }
    return {name: value for name, value in told.items() if value}


def _annotations(alert: Alert, message: Message, links: Links) -> dict[str, str]:
    measured = alert.measurement
    told = {
        "summary": alert.sentence,
        "description": message.text,
        "bound": alert.bound,
        "runbook_url": links.runbook(alert.runbook) or alert.runbook,
        "services": ", ".join(alert.services),
        "evidence": " ".join(links.evidence(each) or each for each in alert.evidence),
        "incident": message.incident,
        "incident_url": links.incident(message.incident),
        "alert_id": alert.id,
        "since": moment(alert.started_at),
    }
    if measured is not None and measured.value is not None:
        told |= {"value": f"{measured.value}", "unit": measured.unit, "samples": str(measured.samples)}
        told["window_s"] = str(measured.window_s)
    return {name: value for name, value in told.items() if value}


def _name(message: Message) -> str:
    return message.kind.value if message.alert is None else message.alert.rule


def _common(all_of: Sequence[Mapping[str, str]]) -> dict[str, str]:
    first = all_of[0]
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in all_of)}


def _sorted(told: Mapping[str, str]) -> dict[str, str]:
    return {name: told[name] for name in sorted(told)}


def _pairs(told: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={json.dumps(told[name], ensure_ascii=False)}" for name in sorted(told))


def moment(at: datetime) -> str:
    """A time as Go writes it: no more digits than needed, `Z` for UTC."""
    plain = at.astimezone(UTC)
    fraction = f".{plain.microsecond:06d}".rstrip("0") if plain.microsecond else ""
    return f"{plain:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def written(data: object) -> bytes:
    """JSON as Go's encoder writes it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return "".join(_ESCAPES.get(each, each) for each in text).encode()
