"""The shape of the areas' own endpoints, for OpenAPI. Fields come from each area's `deepdives.yaml`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from observatory.api.health_models import Provenance
from observatory.api.series_json import POINT, SeriesPoint
from observatory.areas import Definition, deepdive
from observatory.areas.deepdive import DeepDive, Section

_AT = "2026-01-02T03:04:05.000Z"
_CURSOR = "cm93OjUw"


class RowsProvenance(BaseModel):
    """Where the rows of a list come from."""

    samples: int = Field(description="Rows that fit, all pages together.")
    window_s: int
    as_of: datetime
    source: str
    estimated: bool


class DeepDiveAnswer(BaseModel):
    """What every deep dive says beside its sections."""

    model_config = ConfigDict(populate_by_name=True)

    area: str
    environment: str
    start: datetime = Field(alias="from")
    to: datetime
    window_s: int = Field(description="Seconds that were asked for; a number that looks further back says so itself.")
    step_s: int | None = Field(None, description="Seconds of a step; only where `step` was asked for.")


def model(definition: Definition, found: DeepDive) -> type[BaseModel]:
    """The answer of one deep dive."""
    title = "".join(word.capitalize() for word in found.path.replace("/", "-").split("-"))
    fields: dict[str, Any] = {
        section.id: (_section(definition, section, title) | None, Field(None, description=section.sentence))
        for section in found.sections
    }
    made = create_model(f"{title}DeepDive", __base__=DeepDiveAnswer, __doc__=found.sentence, **fields)
    made.model_config["json_schema_extra"] = {"examples": [example(definition, found)]}
    return made


def example(definition: Definition, found: DeepDive) -> dict[str, Any]:
    """An answer with every name. The framework leaves nulls out of examples, so every number is one."""
    return {
        "area": definition.id,
        "environment": "production",
        "from": "2026-01-02T02:04:05.000Z",
        "to": _AT,
        "window_s": 3_600,
        "step_s": 60,
        **{section.id: _filled(definition, section) for section in found.sections},
    }


def _section(definition: Definition, section: Section, title: str) -> type[BaseModel]:
    name = f"{title}{''.join(word.capitalize() for word in section.id.split('_'))}"
    if section.plain:
        columns: dict[str, Any] = {field: (Any, Field(description=told)) for field, told in section.columns.items()}
        row: Any = create_model(f"{name}Row", **columns)
        return create_model(
            name,
            items=(list[row], ...),
            next=(str | None, ...),
            provenance=(RowsProvenance, ...),
        )
    numbers: dict[str, Any] = {field: _number(definition, each) for field, each in section.numbers.items()}
    numbers["provenance"] = (dict[str, Provenance], Field(description="By the name of the number."))
    if not section.members:
        numbers["series"] = (
            dict[str, list[SeriesPoint]] | None,
            Field(None, description="By the name of the number: what rounds found; only where `step` was asked for."),
        )
        return create_model(name, **numbers)
    parts: dict[str, Any] = dict.fromkeys(section.members, (str, ...))
    row = create_model(f"{name}Row", **parts, **numbers)
    return create_model(name, items=(list[row], ...), next=(str | None, ...))


def _number(definition: Definition, name: str) -> tuple[Any, Any]:
    found = deepdive.indicator(definition, name)
    return float | None, Field(description=f"{found.sentence}; {found.unit}. Null: not known.")


def _filled(definition: Definition, section: Section) -> dict[str, Any]:
    if section.plain:
        of_all = {"samples": 0, "window_s": 3_600, "as_of": _AT, "source": section.source, "estimated": False}
        return {"items": [], "next": _CURSOR, "provenance": of_all}
    if section.members:
        return {"items": [], "next": _CURSOR}
    return {
        **dict.fromkeys(section.numbers, 0.5),
        "provenance": {
            field: {
                "unit": deepdive.indicator(definition, name).unit,
                "samples": 40,
                "window_s": 3_600,
                "as_of": _AT,
                "source": deepdive.indicator(definition, name).source,
                "estimated": False,
            }
            for field, name in section.numbers.items()
        },
        "series": {field: [POINT] for field in section.numbers},
    }
