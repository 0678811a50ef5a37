"""What is wrong, told to the platform's processes: one line of JSON on their standard input at each change."""

import asyncio
from collections.abc import Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from observatory_universe.faults.reading import complaint
from observatory_universe.faults.registry import Active, FaultError, Faults, Source, settle


class WireError(Exception):
    """A line that does not say what is wrong."""


class _Fault(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    id: str
    kind: str
    target: str | None
    grade: float
    started_ns: int
    ends_ns: int | None
    source: Source


class _Line(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    faults: list[_Fault]


_FIELDS: Final = tuple(_Fault.model_fields)


def encode(running: Sequence[Active]) -> str:
    """All that runs, as one line without its end."""
    faults = [_Fault.model_construct(**{name: getattr(fault, name) for name in _FIELDS}) for fault in running]
    return _Line.model_construct(faults=faults).model_dump_json()


def decode(line: str | bytes) -> list[Active]:
    """The inverse of `encode`.

    Raises:
        WireError: the line is no such list, or has an unknown kind or target or a grade out of range.
    """
    try:
        faults = [Active(**fault.model_dump()) for fault in _Line.model_validate_json(line).faults]
        for fault in faults:
            settle(fault.kind, fault.target, fault.grade, None)
    except ValidationError as error:
        raise WireError(f"not a list of faults: {complaint(error)}") from None
    except FaultError as error:
        raise WireError(f"not a list of faults: {error}") from None
    return faults


async def follow_lines(reader: asyncio.StreamReader, faults: Faults) -> None:
    """Takes over what each line says, until the stream ends: then whoever wrote is gone.

    Raises:
        WireError: a line is none of ours, or longer than the reader takes.
    """
    while True:
        try:
            line = await reader.readline()
        except ValueError as error:
            raise WireError(f"not a list of faults: {error}") from None
        if not line.endswith(b"\n"):
            # A torn line: its writer ended within it.
            return
        faults.follow(decode(line))
