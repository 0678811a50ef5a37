"""A delivery in words: what is wrong, where, against which bound, over which window, since when, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from observatory.health import words
from observatory.model.alert import Alert, Severity
from observatory.model.notification import Message, Status
from observatory.notify.links import Links
from observatory.state.deliveries import Delivery

MOST_TOLD = 20
_EVIDENCE = 3
# Some services put the title into the text, and cut both together.
_LONGEST_HEADLINE = 200


@dataclass(frozen=True, slots=True)
class Text:
    """A title of one line, the rest in plain text, and as HTML when somebody wrote it so."""

    title: str
    body: str
    html: str = ""


def text(delivery: Delivery, links: Links) -> Text:
    """What people read."""
    first = delivery.messages[0]
    if first.alert is None:
        more = [each for each in delivery.messages[1:] if each.alert is not None]
        body = [first.text, *("\n".join(lines(each, links)) for each in more)]
        return Text(first.title, "\n\n".join(each for each in body if each) or first.title, first.html)
    told = [each for each in delivery.messages if each.alert is not None]
    # First, because services cut what is too long for them: whoever is woken must be able to take it.
    taken = links.acknowledge(first) if delivery.status is Status.FIRING else ""
    parts = [f"take it: {taken}"] if taken else []
    parts += ["\n".join(lines(each, links)) for each in told[:MOST_TOLD]]
    left = len(told) - MOST_TOLD
    if left > 0:
        parts.append(f"and {left} more")
    if first.incident:
        parts.append(_of_incident(first.incident, links))
    return Text(_title(told, delivery), "\n\n".join(parts))


def _of_incident(incident: str, links: Links) -> str:
    link = links.incident(incident)
    return f"incident {incident}" + (f": {link}" if link else "")


def _title(told: Sequence[Message], delivery: Delivery) -> str:
    first = max(told, key=lambda each: (each.status is delivery.status, each.severity.rank))
    mark = "RESOLVED" if delivery.status is Status.RESOLVED else delivery.severity.value.upper()
    rest = f" and {len(told) - 1} more" if len(told) > 1 else ""
    where = f" [{delivery.environment}]" if delivery.environment else ""
    headline = _headline(first)
    if len(headline) > _LONGEST_HEADLINE:
        headline = f"{headline[:_LONGEST_HEADLINE]}…"
    return f"{mark}{where} {headline}{rest}"


def _headline(message: Message) -> str:
    alert = message.alert
    if alert is None:
        return message.title
    named = not alert.member or alert.member in alert.sentence
    return alert.sentence if named else f"{alert.member}: {alert.sentence}"


def lines(message: Message, links: Links) -> list[str]:
    """One alert, line by line: value, bound, window, since, cause, links, runbook, fingerprint."""
    alert = message.alert
    if alert is None:
        return [message.title, message.text]
    told = [f"{_mark(message)} {message.title}", alert.sentence]
    told += _measured(alert)
    told.append(_times(message, alert))
    if alert.services:
        told.append(f"services: {', '.join(alert.services)}")
    if message.text:
        told.append(message.text)
    told += [f"evidence: {links.evidence(each) or each}" for each in alert.evidence[:_EVIDENCE]]
    if alert.runbook:
        told.append(f"runbook: {links.runbook(alert.runbook) or alert.runbook}")
    link = links.alert(alert)
    told += [f"alert: {link}"] if link else []
    return [*told, f"fingerprint: {alert.fingerprint} episode {alert.episode}"]


def _mark(message: Message) -> str:
    return "resolved" if message.status is Status.RESOLVED else message.severity.value


def _measured(alert: Alert) -> list[str]:
    measured = alert.measurement
    if measured is None:
        return [f"bound: {alert.bound}"] if alert.bound else []
    value = "unknown" if measured.value is None else words.number(measured.value, measured.unit)
    window = f"over {words.window(measured.window_s)}" if measured.window_s else "now"
    samples = words.samples(measured.samples)
    about = ", estimated" if measured.estimated else ""
    bound = f", {alert.bound}" if alert.bound else ""
    return [f"value: {value}{bound} ({window}, {samples}{about})"]


def _times(message: Message, alert: Alert) -> str:
    since = f"since {_day(alert.started_at)}"
    if message.status is not Status.RESOLVED or alert.resolved_at is None:
        return since
    lasted_s = (alert.resolved_at - alert.started_at).total_seconds()
    return f"{since} until {_day(alert.resolved_at)} ({words.span(lasted_s)})"


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d} {words.moment(at)}"


def urgent(delivery: Delivery) -> bool:
    """Whether somebody is to be woken."""
    return delivery.status is Status.FIRING and delivery.severity is Severity.CRITICAL
