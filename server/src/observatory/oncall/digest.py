"""The daily digest: health, money, incidents, budgets, who is on call; as facts, as Markdown and as HTML. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from html import escape
from typing import Any

from observatory.health import words

MOST_LINES = 20
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Area:
    """An area, or the whole with an empty id: its health and why, in words, as of a time."""

    id: str
    health: str
    why: str


@dataclass(frozen=True, slots=True)
class Money:
    """What was spent in the day, and in the day before; None: not known.

    Attributes:
        usd, before_usd: model calls and charges together, in USD.
        ai_usd, charged_usd: the two parts.
        calls: model calls.
        uncosted: calls and charges whose amount is not known: the sums are lower bounds while it is not 0.
        models: the dearest, by name, in USD.
    """

    usd: Decimal | None
    before_usd: Decimal | None
    ai_usd: Decimal | None
    charged_usd: Decimal | None
    calls: int
    uncosted: int
    models: tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """An incident that was open within the day."""

    id: str
    title: str
    severity: str
    state: str
    opened_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Purse:
    """A budget: how it stands, and its share (0 to 1) that is spent; None: not known."""

    name: str
    period: str
    state: str
    spent_usd: Decimal | None
    amount_usd: Decimal
    share_ratio: Decimal | None
    why: str


@dataclass(frozen=True, slots=True)
class Duty:
    """Who is on call by a schedule, and until when."""

    schedule: str
    person: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a digest says.

    Attributes:
        environment: of which.
        since, until: the day, the end not included.
        health: the whole first, then the areas; None: not known.
        health_at: as of when.
        money: None when it could not be read.
        incidents: oldest first.
        fired: by severity, how many alerts fired within the day.
        budgets: None when none could be read.
        duties: by schedule.
    """

    environment: str
    since: datetime
    until: datetime
    health: tuple[Area, ...] | None
    health_at: datetime | None
    money: Money | None
    incidents: tuple[Trouble, ...]
    fired: Mapping[str, int]
    budgets: tuple[Purse, ...] | None
    duties: tuple[Duty, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest as people read it."""

    title: str
    markdown: str
    html: str


Section = tuple[str, Sequence[str]]


def window(at: datetime, hour: int) -> tuple[datetime, datetime]:
    """The newest whole day, UTC, that ended at this hour: its start and its end."""
    end = at.replace(hour=hour, minute=0, second=0, microsecond=0)
    if end > at:
        end -= _DAY
    return end - _DAY, end


def write(facts: Facts) -> Digest:
    """The digest of the facts."""
    told = [_health(facts), _incidents(facts), _money(facts), _budgets(facts), _duties(facts)]
    sections = [(name, lines) for name, lines in told if lines]
    title = f"{facts.environment} on {facts.until:%Y-%m-%d}: {_headline(facts)}"
    span = f"{facts.since:%Y-%m-%d %H:%M} to {facts.until:%Y-%m-%d %H:%M} UTC"
    return Digest(title, _markdown(title, span, sections), _html(title, span, sections))


def _headline(facts: Facts) -> str:
    health = facts.health[0].health if facts.health else "health unknown"
    opened = len(facts.incidents)
    count = "no incidents" if not opened else "1 incident" if opened == 1 else f"{opened} incidents"
    return f"{health}, {count}, {_usd(None if facts.money is None else facts.money.usd)} spent"


def _health(facts: Facts) -> Section:
    if not facts.health or facts.health_at is None:
        return "Health", ["not known: there was no round"]
    whole, *areas = facts.health
    lines = [f"the whole is {whole.health}{_why(whole.why)}, as of {_moment(facts.health_at)}"]
    bad = [each for each in areas if each.health != "healthy"]
    lines += [f"{each.id} is {each.health}{_why(each.why)}" for each in bad]
    well = len(areas) - len(bad)
    return "Health", [*lines, f"{well} of {len(areas)} areas are healthy"]


def _incidents(facts: Facts) -> Section:
    fired = [f"{count} {severity}" for severity, count in facts.fired.items() if count]
    lines = [_trouble(each, facts.until) for each in facts.incidents[-MOST_LINES:]]
    left = len(facts.incidents) - len(lines)
    lines += [f"and {left} more before these"] if left > 0 else []
    lines += [] if facts.incidents else ["none"]
    return "Incidents", [*lines, f"alerts that fired: {', '.join(fired) or 'none'}"]


def _trouble(each: Trouble, until: datetime) -> str:
    taken = "nobody took it"
    if each.acknowledged_at is not None:
        taken = f"taken after {words.span((each.acknowledged_at - each.opened_at).total_seconds())}"
    lasted = words.span(((each.resolved_at or until) - each.opened_at).total_seconds())
    end = f"over after {lasted}" if each.resolved_at is not None else f"{each.state}, for {lasted}"
    return f"{each.severity}: {each.title} ({each.id}; since {_moment(each.opened_at)}; {taken}; {end})"


def _money(facts: Facts) -> Section:
    money = facts.money
    if money is None:
        return "Money", ["not known: the costs could not be read"]
    change = ""
    if money.usd is not None and money.before_usd:
        change = f" ({(money.usd / money.before_usd - 1) * 100:+.0f} % on the day before)"
    lines = [
        f"spent: {_usd(money.usd)}{change}",
        f"model calls: {_usd(money.ai_usd)} for {money.calls:,} calls; everything else: {_usd(money.charged_usd)}",
    ]
    if money.uncosted:
        lines.append(f"the amount of {money.uncosted:,} calls and charges is not known: the sums are lower bounds")
    return "Money", [*lines, *(f"{name}: {_usd(usd)}" for name, usd in money.models)]


def _budgets(facts: Facts) -> Section:
    if facts.budgets is None:
        return "Budgets", ["not known"]
    lines = []
    for each in facts.budgets[:MOST_LINES]:
        share = "" if each.share_ratio is None else f", {each.share_ratio * 100:.0f} %"
        lines.append(
            f"{each.name}: {each.state}; {_usd(each.spent_usd)} of {_usd(each.amount_usd)} in this {each.period}{share}"
            f"{_why(each.why)}"
        )
    return "Budgets", lines or ["no budget is set"]


def _duties(facts: Facts) -> Section:
    return "On call", [f"{each.schedule}: {each.person} until {_moment(each.until)}" for each in facts.duties]


def _why(why: str) -> str:
    return f": {why}" if why else ""


def _usd(amount: Decimal | None) -> str:
    return "an unknown amount" if amount is None else words.number(amount, "usd")


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _markdown(title: str, span: str, sections: Sequence[Section]) -> str:
    parts = [f"# {_plain(title)}", span]
    parts += ["\n".join([f"## {name}", "", *(f"- {_plain(line)}" for line in lines)]) for name, lines in sections]
    return "\n\n".join(parts) + "\n"


def _plain(line: str) -> str:
    """Names come from telemetry: what Markdown or a mail reader would act on is taken for text."""
    flat = " ".join(line.split())
    return "".join(f"\\{each}" if each in "\\`*_[]<>#|" else each for each in flat)


def _html(title: str, span: str, sections: Sequence[Section]) -> str:
    body = [f"<h1>{escape(title)}</h1>", f"<p>{escape(span)}</p>"]
    for name, lines in sections:
        body.append(f"<h2>{escape(name)}</h2>")
        body.append(f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>")
    head = f'<meta charset="utf-8"><title>{escape(title)}</title>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>'


def plain(facts: Facts) -> dict[str, Any]:
    """The facts as JSON values: amounts as text, times as ISO text."""
    return {name: _value(value) for name, value in asdict(facts).items()}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping):
        return {name: _value(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_value(each) for each in value]
    return value
