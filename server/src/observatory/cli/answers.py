"""What the seven questions are answered with: JSON of the API in, a few lines out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from observatory.health import headlines
from observatory.health.figures import age, figure, span

Json = Mapping[str, Any]
_MOST = 5
# The worst first.
_BUDGET = {
    "exhausted": "No: what was budgeted is spent.",
    "warned": "So far, but it is near its limit or will cross it.",
    "unknown": "It is not known what was spent.",
    "within": "Yes.",
}
_RANK = {"critical": 0, "degraded": 1, "unknown": 2, "healthy": 3}


@dataclass(frozen=True, slots=True)
class Told:
    """An answer.

    Attributes:
        known: whether there was enough to answer.
        lines: the answer, the first line by itself.
        figures: its numbers: name, value, unit, samples, window_s, as_of, source.
    """

    known: bool
    lines: Sequence[str]
    figures: Sequence[Json] = field(default=())


def health(found: Sequence[Json], now: datetime) -> Told:
    """Is it healthy? From system-health."""
    told = found[0]
    status = told["overall_status"]
    first = (
        f"{status.upper()} in {told['environment']}: {told['services_reporting']} of {told['services_total']} services "
        f"report, {_aged(told['timestamp'], now)}"
    )
    areas = sorted(told["services"].items(), key=lambda each: _RANK[each[1]["status"]])
    lines = [first, *_reasons(told["reasons"], told["services"])]
    figures: list[Json] = []
    silent: list[str] = []
    for name, fields in areas:
        shown = [
            each.told(fields) or "" for each in headlines.of_area(name, fields) if fields.get(each.field) is not None
        ]
        figures += _figures(fields, f"{name}.")
        if not _sampled(fields):
            silent.append(name)
            continue
        lines.append(f"{name} {fields['status']}: {', '.join(shown)}{_sampled(fields)}")
        lines += [f"  {each['sentence']}" for each in fields["reasons"][:2] if each["status"] != "healthy"]
    lines += [f"nothing measured: {', '.join(silent)}"] if silent else []
    for what in ("services_silent", "services_never_loaded"):
        if told[what]:
            lines.append(f"{what.removeprefix('services_').replace('_', ' ')}: {', '.join(told[what][:_MOST])}")
    return Told(status != "unknown", lines, figures)


def slow(found: Sequence[Json], now: datetime) -> Told:
    """Why is it slow? From diagnose."""
    told = found[0]
    sure = f" (confidence: {told['confidence']})" if told["enough"] else ""
    lines = [f"{told['verdict']}{sure}"]
    lines += [f"missing: {each}" for each in told["missing"][:_MOST]]
    for each in told["suspects"][:3]:
        lines.append(f"{each['role']} {each['score']:.2f}: {each['sentence']}")
    for each in told["path"][:3]:
        share = f", {figure('added_ratio', each['added_ratio'])} of what was added" if each["added_ratio"] else ""
        lines.append(
            f"path: {each['service']} {each['operation']} {figure('now_ms', each['now_ms'])}, before "
            f"{figure('usual_ms', each['usual_ms'])}{share} ({each['traces']:,} traces)"
        )
    lines += [f"changed: {each['sentence']}" for each in told["changes"][:2]]
    window = told["window"]
    lines.append(f"looked at {window['from']} to {window['to']}, {_aged(window['to'], now)}")
    return Told(bool(told["enough"]), lines, list(told["evidence"]))


def user(found: Sequence[Json], now: datetime) -> Told:
    """What does a user cost? From the user's page."""
    told = found[0]
    costs, margin = told["api_costs"], told["margin"]
    who, window = f"user {told['user_id']}", f"the last {span(told['window_s'])}"
    if costs["cost_usd"] is None:
        seen = f"last seen {_aged(told['last_seen'], now)}" if told["seen"] else "never seen"
        return Told(False, [f"No cost of {who} is known in {window}: {seen}."])
    lines = [
        f"{who} cost {_usd(costs['cost_usd'])} in {window}{_proof(costs, 'cost_usd', now)}",
        f"models {_usd(costs['ai_usd'])}, charges {_usd(costs['charged_usd'])}; {_count(costs['calls'])} calls, "
        f"{_count(costs['calls_unpriced'])} without a price, {_count(costs['calls_untold'])} without counts",
    ]
    for name in ("feature", "model"):
        parts = [f"{each[name] or 'not told'} {_usd(each['cost_usd'])}" for each in told[f"costs_by_{name}"][:3]]
        lines += [f"by {name}: {', '.join(parts)}"] if parts else []
    lines.append(
        f"paid {_usd(margin['paid_usd'])}, margin {_usd(margin['margin_usd'])}{_proof(margin, 'margin_usd', now)}"
    )
    return Told(True, lines, [*_figures(costs, "api_costs."), *_figures(margin, "margin.")])


def exchange(found: Sequence[Json], now: datetime) -> Told:
    """Which exchange is failing? From system-health, the indicators, and the numbers of each exchange."""
    told, indicators, trading, feeds = found
    placed = {
        each["id"]: each["group_by"].index("Exchange") for each in indicators["items"] if "Exchange" in each["group_by"]
    }
    wrong: dict[str, list[Json]] = {}
    for area in told["services"].values():
        for each in area["reasons"]:
            if each["subject"] in placed and each["member"] and each["status"] in ("degraded", "critical"):
                wrong.setdefault(each["member"].split("/")[placed[each["subject"]]], []).append(each)
    rows = {each["exchange"]: each for each in trading["exchanges"]["items"]}
    links = {each["exchange"]: each for each in feeds["connections"]["items"]}
    known = sorted({*rows, *links, *wrong})
    if not known:
        return Told(False, ["No exchange is known: neither orders nor feeds were reported."])
    bad = sorted(wrong, key=lambda name: (min(_RANK[each["status"]] for each in wrong[name]), name))
    window = f"the last {span(trading['window_s'])}, {_aged(told['timestamp'], now)}"
    lines = [f"{', '.join(bad)} {'is' if len(bad) == 1 else 'are'} in trouble; {len(known)} exchanges over {window}"]
    if not bad:
        lines = [f"No exchange is in trouble: {len(known)} over {window}"]
    for name in [*bad, *(each for each in known if each not in wrong)]:
        lines.append(f"{name}: {_venue(rows.get(name, {}), links.get(name, {}))}")
        lines += [f"  {each['sentence']}" for each in wrong.get(name, [])[:3]]
    figures = [each for name, row in rows.items() for each in _figures(row, f"{name}.")]
    figures += [each for name, row in links.items() for each in _figures(row, f"{name}.")]
    return Told(True, lines, figures)


def signals(found: Sequence[Json], now: datetime) -> Told:
    """Do signals arrive? From the deliveries, and the area's status."""
    told, whole = found
    all_, area = told["delivery"], whole["services"]["signal_intelligence"]
    window = f"the last {span(told['window_s'])}"
    if not all_["deliveries"]:
        return Told(False, [f"No delivery was reported in {window}; signal_intelligence is {area['status']}."])
    lines = [
        f"{area['status'].upper()}: {_count(all_['deliveries'])} deliveries in {window}, accepted "
        f"{figure('success_rate', all_['delivery_success_rate'])}{_proof(all_, 'delivery_success_rate', now)}",
        f"reached {figure('share_ratio', all_['delivered_ratio'])}, seen {figure('share_ratio', all_['seen_ratio'])}, "
        f"{_count(all_['retries'])} retries, {_count(all_['dead_letters'])} dead letters",
    ]
    lines += [f"  {each['sentence']}" for each in area["reasons"][:3] if each["status"] != "healthy"]
    for row in told["channels"]["items"][:_MOST]:
        lines.append(
            f"{row['channel']}: {_count(row['deliveries'])}, accepted {figure('share_ratio', row['accepted_ratio'])}, "
            f"reached {figure('share_ratio', row['delivered_ratio'])}, {_count(row['dead_letters'])} dead letters"
        )
    return Told(True, lines, _figures(all_, "delivery."))


def budget(found: Sequence[Json], now: datetime) -> Told:
    """Is spending within budget? From the budgets; those of models first."""
    told = found[0]
    of_models = [each for each in told["items"] if _about_models(each)]
    items = of_models or told["items"]
    if not items:
        coverage = told["coverage"]
        return Told(
            False, [f"No budget is set in {told['environment']}.", f"spent this month: {_usd(coverage['total_usd'])}"]
        )
    lines = [_BUDGET[min((each["state"] for each in items), key=list(_BUDGET).index)]]
    lines[0] += "" if of_models else " No budget of models alone is set; these are all."
    for each in items[:_MOST]:
        lines.append(_standing(each, now))
        lines += [f"  {reason}" for reason in each["reasons"][:2]]
    known = any(each["spent_usd"] is not None for each in items)
    return Told(known, lines, [one for each in items for one in _figures(each, f"{each['name']}.")])


def incident(found: Sequence[Json], now: datetime) -> Told:
    """What caused it? From the incidents of the time, and the summary of the gravest."""
    told = found[0]
    span_told = f"{told['from']} and {told['to']}"
    if not told["items"]:
        return Told(True, [f"No incident began between {span_told}."])
    summary = found[1]
    gravest = gravest_of(told["items"])
    ended = gravest["resolved_at"] or f"not over, {gravest['state']}"
    began = gravest["first_deviation_at"] or gravest["opened_at"]
    many = f"{told['incidents']} incidents" if told["incidents"] != 1 else "One incident"
    lines = [f"{many} between {span_told}; the gravest: {gravest['title']}"]
    lines.append(f"{gravest['severity']}, {began} to {ended} ({gravest['id']}, began {age(began, now)})")
    lines += [f"  {each['text']} [{', '.join(each['evidence'][:2])}]" for each in summary["sentences"][:_MOST]]
    return Told(True, lines, [each for each in summary["evidence"] if each["value"] is not None])


def gravest_of(items: Sequence[Json]) -> Json:
    """The most severe incident; of several the one with the most alerts, then the newest."""
    return max(items, key=lambda each: (each["severity"] == "critical", len(each["alerts"]), each["opened_at"]))


ANSWERS: Mapping[str, Callable[[Sequence[Json], datetime], Told]] = {
    "health": health,
    "slow": slow,
    "user": user,
    "exchange": exchange,
    "signals": signals,
    "budget": budget,
    "incident": incident,
}


def _reasons(reasons: Sequence[Json], areas: Mapping[str, Any]) -> Iterator[str]:
    return (f"  {each['sentence']}" for each in reasons if each["subject"] not in areas and each["status"] != "healthy")


def _sampled(fields: Json) -> str:
    """From how many samples at most, over which window: of the numbers that are known."""
    known = [each for name, each in fields["provenance"].items() if fields.get(name) is not None]
    if not known:
        return ""
    most = max(known, key=lambda each: each["samples"])
    return f" (up to {most['samples']:,} samples, {span(most['window_s'])})"


def _proof(fields: Json, name: str, now: datetime) -> str:
    told = fields.get("provenance", {}).get(name)
    return f" ({told['samples']:,} samples, {_aged(told['as_of'], now)})" if told else ""


def _figures(fields: Json, before: str) -> list[Json]:
    told = fields.get("provenance") or {}
    return [
        {"name": before + name, "value": fields.get(name), **each}
        for name, each in told.items()
        if isinstance(each, Mapping)
    ]


def _venue(row: Json, link: Json) -> str:
    orders = f"{_count(row.get('orders'))} orders, success {figure('success_rate', row.get('execution_success_rate'))}"
    answered = f"p95 {figure('latency_p95_ms', row.get('latency_p95_ms'))}"
    connected = link.get("connected")
    feed = "not known" if connected is None else "connected" if connected else "down"
    return f"{orders}, {answered}; feed {feed}, {_count(link.get('messages'))} messages"


def _about_models(each: Json) -> bool:
    return (each["scope"], each["value"]) == ("category", "ai") or each["scope"] in ("provider", "model")


def _standing(each: Json, now: datetime) -> str:
    forecast = each["forecast"]
    ahead = (
        f"; forecast {_usd(forecast['expected_usd'])} by {each['resets_at'][:10]}"
        if forecast and forecast["enough"]
        else ""
    )
    crossed = f", over on {forecast['crossed_on']}" if ahead and forecast["crossed_on"] else ""
    amount = _usd(float(each["amount_usd"]))
    return (
        f"{each['name']} {each['state']}: {_usd(each['spent_usd'])} of {amount} this {each['period']}"
        f" ({figure('used_ratio', each['budget_used_ratio'])}){ahead}{crossed}{_proof(each, 'spent_usd', now)}"
    )


def _usd(value: float | None) -> str:
    # A cent is much for one user.
    return figure("usd", None) if value is None else f"${value:,.2f}" if abs(value) >= 1 else f"${value:,.4f}"


def _count(value: float | None) -> str:
    return figure("count", value)


def _aged(at: object, now: datetime) -> str:
    return f"{age(at, now)}"
