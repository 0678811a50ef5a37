"""The kinds of faults, read from `kinds.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from observatory_universe.faults.reading import DocumentError, complaint, yaml_document
from observatory_universe.market import VENUES

# What a kind's `targets` may name in one word, and the attribute that telemetry names them by.
_WORDS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "venues": (VENUES, "exchange.id"),
    "providers": (("openai", "anthropic", "gcp.gemini"), "gen_ai.provider.name"),
}
_SERVICE: Final = "observatory.service"

Area = Literal[
    "ai_systems",
    "signal_intelligence",
    "trading_execution",
    "market_data",
    "risk_management",
    "credits",
    "strategies",
    "costs",
    "emergency",
    "resources",
]


@dataclass(frozen=True, slots=True)
class Grade:
    """How badly: the least, the usual and the most, and what the number means."""

    least: float
    default: float
    most: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault.

    Attributes:
        targets: what it may be aimed at; empty when it has no target. Without a target it strikes all of them, or the
            first one where `one_target` is set.
        attribute: the attribute that holds the target in the telemetry; None when it has no target.
        is_fault: False for what only looks like a fault: nothing may alert on it.
        service: the catalogue's id of the service that shows it first.
        expected: areas whose indicators it moves. `permitted`: further areas that it may move.
        mark: what the stored telemetry shows while it runs.
        real_time_only: it strikes the process itself, of which virtual time knows nothing.
    """

    id: str
    group: str
    sentence: str
    grade: Grade
    targets: tuple[str, ...]
    attribute: str | None
    one_target: bool
    is_fault: bool
    service: str
    expected: tuple[str, ...]
    permitted: tuple[str, ...]
    mark: str
    real_time_only: bool = False

    def attributes(self, target: str | None) -> dict[str, str]:
        """The attributes by which telemetry of a fault that is aimed at `target` can be recognised."""
        return {self.attribute: target} if self.attribute and target else {}

    def service_of(self, target: str | None) -> str:
        """The service that shows a fault that is aimed at `target`: the target itself where services are targets."""
        return target if target and self.attribute == _SERVICE else self.service


def _tuple(value: object) -> object:
    # YAML has lists only.
    return tuple(value) if isinstance(value, list) else value


_Text = Annotated[str, Field(min_length=1)]
_Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
_Texts = Annotated[tuple[_Text, ...], BeforeValidator(_tuple)]
_Areas = Annotated[tuple[Area, ...], BeforeValidator(_tuple)]


class _Row(BaseModel):
    """One kind as the file has it."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    sentence: _Text
    grade: Annotated[tuple[float, float, float, _Text], BeforeValidator(_tuple)]
    targets: _Texts | Literal["venues", "providers"] = ()
    attribute: _Text | None = None
    one_target: bool = False
    is_fault: bool = True
    service: _Id
    expected: _Areas
    permitted: _Areas = ()
    mark: _Text
    real_time_only: bool = False

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        least, default, most, _ = self.grade
        if not 0 < least <= default <= most:
            raise ValueError(f"grade is {least:g}, {default:g}, {most:g}: must be above 0 and not fall")
        if isinstance(self.targets, tuple) and bool(self.targets) != (self.attribute is not None):
            raise ValueError(
                "targets and attribute: a list of targets needs the attribute that holds them, and no other does"
            )
        if isinstance(self.targets, str) and self.attribute is not None:
            raise ValueError(f"attribute: {self.targets} have theirs already")
        if self.one_target and not self.targets:
            raise ValueError("one_target is true and there are no targets")
        if repeated := set(self.expected) & set(self.permitted):
            raise ValueError(f"{', '.join(sorted(repeated))} is expected and permitted: one of the two")
        if bool(self.expected) != self.is_fault:
            raise ValueError("expected: a fault moves an area, and what is none moves none")
        return self


_DOCUMENT: Final = TypeAdapter(dict[_Id, dict[_Id, _Row]])


def decode(text: str, name: str = "kinds.yaml") -> Mapping[str, Kind]:
    """Kinds by id, from the text of a file of them.

    Raises:
        DocumentError: the text is no YAML, an entry lacks a field or has a bad one, or an id stands twice.
    """
    try:
        document = _DOCUMENT.validate_python(yaml_document(text, name))
    except ValidationError as error:
        raise DocumentError(f"{name}: {complaint(error)}") from None
    kinds: dict[str, Kind] = {}
    for group, rows in document.items():
        for id_, row in rows.items():
            if id_ in kinds:
                raise DocumentError(f"{name}: {id_} stands in {kinds[id_].group} and in {group}")
            kinds[id_] = _kind(group, id_, row)
    return kinds


def _kind(group: str, id_: str, row: _Row) -> Kind:
    targets, attribute = _WORDS[row.targets] if isinstance(row.targets, str) else (row.targets, row.attribute)
    return Kind(
        id=id_,
        group=group,
        sentence=row.sentence,
        grade=Grade(*row.grade),
        targets=targets,
        attribute=attribute,
        one_target=row.one_target,
        is_fault=row.is_fault,
        service=row.service,
        expected=row.expected,
        permitted=row.permitted,
        mark=row.mark,
        real_time_only=row.real_time_only,
    )


KINDS: Final[Mapping[str, Kind]] = decode((files(__package__) / "kinds.yaml").read_text(encoding="utf-8"))
GROUPS: Final[tuple[str, ...]] = tuple(dict.fromkeys(kind.group for kind in KINDS.values()))
