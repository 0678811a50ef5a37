"""The list of names as a page of Markdown: `python -m observatory_sdk.conventions > docs/reference/conventions.md`."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from observatory_sdk.conventions import AREAS, Attribute, Fact, Metric, common

_HEAD = """# Conventions

Every name the SDK sends, generated from its declarations (`python -m observatory_sdk.conventions`). Do not edit.

Besides its own attributes every fact carries those of `common`, as far as they are known. The owner of a fact is the
service it counts for when none is at work in the context. A value that its attribute does not allow is left out, named
in `observatory.invalid` and counted; the rest of the fact goes out."""


def render() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(line for area in AREAS for line in _area(area))]) + "\n"


def _area(area: ModuleType) -> Iterator[str]:
    declared = [value for name, value in vars(area).items() if area is common or vars(common).get(name) is not value]
    yield from ("", f"## {area.__name__.rsplit('.', 1)[-1]}")
    yield from _facts([value for value in declared if isinstance(value, Fact)])
    yield from _metrics([value for value in declared if isinstance(value, Metric)])
    yield from _attributes([value for value in declared if isinstance(value, Attribute)])


def _facts(facts: list[Fact]) -> Iterator[str]:
    if facts:
        yield from ("", "| Fact | Kind | Meaning | Owners | Attributes |", "|---|---|---|---|---|")
    for fact in facts:
        yield _row(f"`{fact.name}`", fact.kind, fact.sentence, ", ".join(fact.owners), _names(fact.attributes))


def _metrics(metrics: list[Metric]) -> Iterator[str]:
    if metrics:
        yield from ("", "| Metric | Instrument | Unit | Meaning | Owners | Attributes |", "|---|---|---|---|---|---|")
    for metric in metrics:
        owners = ", ".join(metric.owners) or "every service"
        interval = "each 1 s" if metric.feed else "each 5 s"
        kind = f"{metric.instrument}, {interval}"
        yield _row(f"`{metric.name}`", kind, metric.unit, metric.sentence, owners, _names(metric.attributes))


def _attributes(attributes: list[Attribute]) -> Iterator[str]:
    if attributes:
        yield from ("", "| Attribute | Type | Unit | Allowed | Meaning |", "|---|---|---|---|---|")
    for attribute in attributes:
        yield _row(f"`{attribute.name}`", attribute.type, attribute.unit, _allowed(attribute), attribute.sentence)


def _allowed(attribute: Attribute) -> str:
    if attribute.values:
        return ", ".join(f"`{value}`" for value in attribute.values)
    low, high = attribute.minimum, attribute.maximum
    if low is None and high is None:
        return ""
    return f"{low:g} or more" if high is None else f"{low:g} to {high:g}"


def _names(attributes: tuple[Attribute, ...]) -> str:
    return ", ".join(f"`{attribute.name}`" for attribute in attributes)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
