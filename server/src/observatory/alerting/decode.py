"""One entry of a rule file or of a request to a rule; and an entry that stands for a family to its members' entries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from observatory.alerting.conditions import KINDS, Bounded
from observatory.alerting.fields import Fields, Known, RuleError
from observatory.alerting.rule import Condition, NoData, Origin, Rule
from observatory.model.alert import Severity

Entry = Mapping[str, Any]

_ID = re.compile(r"[a-z0-9][a-zA-Z0-9_.:-]{0,158}")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
MOST_OF_A_FAMILY = 1_000
# What an override may change; the rest is what the rule is.
CHANGEABLE = (
    *("sentence", "severity", "for", "keep_firing_for", "least_samples", "labels", "runbook", "inhibits", "no_data"),
    *("no_data_for", "environments", "enabled", "condition"),
)


def rule(entry: Entry, known: Known, origin: Origin = Origin.SHIPPED, since: datetime | None = None) -> Rule:
    """The rule that an entry describes.

    Raises:
        RuleError: naming the field that cannot be taken.
    """
    fields = Fields(entry, known)
    rule_id = fields.text("id", most=160)
    if not _ID.fullmatch(rule_id):
        raise fields.refuse("id", "must begin with a small letter or digit, then letters, digits, and . : _ -")
    condition = _condition(fields.below("condition"))
    area = fields.text("area", "", 64)
    if area and area not in known.areas:
        raise fields.refuse("area", f"must be one of {', '.join(known.areas)}")
    found = Rule(
        id=rule_id,
        sentence=fields.text("sentence", most=500),
        severity=fields.choice("severity", Severity),
        condition=condition,
        for_s=fields.seconds("for", 0),
        keep_firing_for_s=fields.seconds("keep_firing_for", 0),
        least_samples=fields.whole("least_samples", _least(condition)),
        labels=fields.mapping("labels"),
        runbook=fields.text("runbook", "", 160),
        inhibits=fields.texts("inhibits"),
        area=area or _area(condition),
        no_data=fields.choice("no_data", NoData, NoData.KEEP),
        no_data_s=fields.seconds("no_data_for", 900),
        environments=fields.texts("environments"),
        enabled=fields.yes("enabled", True),
        family=fields.text("family", rule_id, 160),
        origin=origin,
        since=since,
    )
    fields.done()
    return found


def changed(entry: Entry, change: Entry) -> Entry:
    """The entry with an override's fields in place of its own; of the condition only those that the override names.

    Raises:
        RuleError: the override names what may not be changed.
    """
    for name in change:
        if name not in CHANGEABLE:
            raise RuleError(f"{str(name)[:64]}: may not be changed; these may: {', '.join(CHANGEABLE)}", str(name)[:64])
    merged = {**entry, **change}
    if "condition" in change:
        own, wanted = entry["condition"], change["condition"]
        if not isinstance(wanted, Mapping):
            raise RuleError("condition must be a mapping", "condition")
        if wanted.get("kind", own["kind"]) != own["kind"] or "query" in wanted:
            raise RuleError("condition.kind: may not be changed, nor may the question of a rule", "condition.kind")
        merged["condition"] = {**own, **wanted}
    return merged


def expand(entry: object, known: Known) -> Iterator[Entry]:
    """The entries that one stands for: itself, or with `each` one for every value.

    `each` is a mapping of one name to a list, or to `critical_bound` or `warning_bound`: the indicators that have one.
    `{name}` in any text is replaced; of an indicator also `{sentence}`, `{area}`, `{slug}`. `settings` holds by value
    what is different there.

    Raises:
        RuleError: naming the field that cannot be taken.
    """
    if not isinstance(entry, Mapping):
        raise RuleError("a rule must be a mapping")
    if "each" not in entry:
        yield entry
        return
    each = entry["each"]
    if not isinstance(each, Mapping) or len(each) != 1:
        raise RuleError("each: must hold one name", "each")
    ((name, told),) = each.items()
    values = _values(told, known)
    settings = entry.get("settings") or {}
    if not isinstance(settings, Mapping):
        raise RuleError("settings: must be a mapping", "settings")
    for value in settings:
        if value not in values:
            raise RuleError(f"settings: {str(value)[:64]!r} is none of the family", "settings")
    plain = {key: value for key, value in entry.items() if key not in ("each", "settings")}
    for value in values:
        words = {str(name): value, **_words(value, known)}
        own = settings.get(value) or {}
        yield _filled({"family": str(plain.get("id", "")), **plain, **own}, words)


def _values(told: object, known: Known) -> list[str]:
    if told == "critical_bound":
        return [each.id for each in known.indicators.values() if each.crit is not None]
    if told == "warning_bound":
        return [each.id for each in known.indicators.values() if each.warn is not None]
    if not isinstance(told, list) or not all(isinstance(each, str) for each in told) or len(told) > MOST_OF_A_FAMILY:
        raise RuleError("each: must be a list of texts, critical_bound or warning_bound", "each")
    return [str(each) for each in told]


def _words(value: str, known: Known) -> dict[str, str]:
    indicator = known.indicators.get(value)
    slug = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")
    if indicator is None:
        return {"slug": slug}
    return {"slug": slug, "sentence": indicator.sentence, "area": indicator.area}


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda found: words.get(found[1], found[0]), value)
    if isinstance(value, Mapping):
        # The family keeps the id as it was written.
        return {key: each if key == "family" else _filled(each, words) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, words) for each in value]
    return value


def _condition(fields: Fields) -> Condition:
    kind = fields.one_of("kind", KINDS)
    condition = KINDS[kind](fields)
    fields.done()
    return condition


def _least(condition: Condition) -> int:
    return condition.indicator.least_samples if isinstance(condition, Bounded) else 0


def _area(condition: Condition) -> str:
    indicator = getattr(condition, "indicator", None)
    return str(indicator.area) if indicator is not None else ""
