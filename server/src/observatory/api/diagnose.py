"""Diagnosis: why a feature, a service, an endpoint, an alert or an incident is as it is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from observatory import incidents
from observatory.api.access import require
from observatory.api.alerts import control_of
from observatory.api.deep_dives import Environment, expect_environment
from observatory.api.diagnose_models import DiagnosisAnswer, answer
from observatory.api.incidents import IncidentId
from observatory.api.ranges import SHORTEST_S, AsOf, From, Ranged, To, Window, moment
from observatory.api.snapshot import ANSWERS, send
from observatory.auth import READ
from observatory.catalogue import Catalogue
from observatory.diagnose import subject
from observatory.diagnose.diagnosis import Diagnosis
from observatory.diagnose.doctor import Asked, Doctor
from observatory.diagnose.subject import Subject
from observatory.errors import InvalidRequest, NotFound, Overloaded
from observatory.model.alert import Alert
from observatory.state import State
from observatory.tick import DEFAULT_ENVIRONMENT

router = APIRouter(
    prefix="/api/v1/monitoring", tags=["diagnosis"], dependencies=[Depends(require(READ))], responses=ANSWERS
)

# Each takes a good part of the machine for its seconds.
AT_ONCE = 2
_WAITS_S = 5.0
_LONGEST = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class About:
    """What a request asks about: one of these is given."""

    feature: str
    service: str
    endpoint: str
    alert: str
    incident: str


async def about(
    feature: Annotated[str, Query(max_length=200, description="A business feature, such as `chat`.")] = "",
    service: Annotated[str, Query(max_length=200, description="Id of a service.")] = "",
    endpoint: Annotated[str, Query(max_length=200, description="Name of an operation that others call.")] = "",
    alert: Annotated[str, Query(max_length=40, description="Id or fingerprint of an alert.")] = "",
    incident: Annotated[str, Query(max_length=64, description="Id of an incident.")] = "",
) -> About:
    """What is asked about.

    Raises:
        InvalidRequest: none or several of them.
    """
    found = About(feature, service, endpoint, alert, incident)
    given = [name for name in About.__slots__ if getattr(found, name).strip()]
    if len(given) != 1:
        told = "one of feature, service, endpoint, alert and incident must be given"
        raise InvalidRequest(f"query parameter {given[1] if given else 'service'}: {told}, and only one")
    return found


async def times(
    request: Request,
    window: Window = None,
    start: From = None,
    to: To = None,
    as_of: AsOf = None,
    baseline_from: Annotated[
        str | None, Query(max_length=40, description="Start of what it is held against, RFC 3339; chosen without it.")
    ] = None,
    baseline_to: Annotated[
        str | None, Query(max_length=40, description="Its end; the start of the window without it.")
    ] = None,
) -> Asked:
    """The window and the baseline of a request; the environment is filled in later.

    Raises:
        InvalidRequest: a parameter that is no time, or times that contradict each other.
    """
    ranged = await Ranged()(request, window, start, to, as_of)
    if ranged.end - ranged.start > _LONGEST:
        name = "from" if start else "window"
        raise InvalidRequest(f"query parameter {name}: a diagnosis looks at 7 days at most")
    given = window is not None or start is not None
    if baseline_from is None and baseline_to is not None:
        raise InvalidRequest("query parameter baseline_to: only together with baseline_from")
    if baseline_from is None:
        return Asked("", ranged.start if given else None, ranged.end)
    first = moment("baseline_from", baseline_from)
    last = ranged.start if baseline_to is None else moment("baseline_to", baseline_to)
    if last > ranged.start:
        raise InvalidRequest("query parameter baseline_to: the baseline must end before the window begins")
    if not timedelta(seconds=SHORTEST_S) <= last - first <= _LONGEST:
        raise InvalidRequest("query parameter baseline_from: the baseline must have from 10 s to 7 days")
    return Asked("", ranged.start, ranged.end, (first, last))


@router.get("/diagnose", response_model=DiagnosisAnswer)
async def diagnose(
    request: Request,
    wanted: Annotated[About, Depends(about)],
    asked: Annotated[Asked, Depends(times)],
    environment: Environment = DEFAULT_ENVIRONMENT,
) -> Response:
    """Why it is slow, failing or odd: verdict, critical path, contrasts, changes, suspects, each with its evidence.

    Window and baseline are chosen when they are not given. The same telemetry and the same end (`to` or `as_of`) give
    the same answer. With too little evidence `enough` is false, and `missing` says what is not there.
    """
    return send(request, answer(await diagnosed(request, wanted, asked, environment)))


async def diagnosed(request: Request, wanted: About, asked: Asked, environment: str) -> Diagnosis:
    """The diagnosis that a request asks for.

    Raises:
        NotFound: no such alert, incident or environment.
        Overloaded: too many at once.
    """
    if wanted.alert or wanted.incident:
        found, environment = await _told(request, wanted.alert, wanted.incident)
    else:
        expect_environment(request, environment)
        found = _named(wanted)
    return await _diagnosed(request, found, asked, environment)


@router.get("/incidents/{incident_id}/diagnosis", response_model=DiagnosisAnswer)
async def of_incident(request: Request, incident_id: IncidentId, asked: Annotated[Asked, Depends(times)]) -> Response:
    """Why an incident came about; as `diagnose` with `incident`."""
    found, environment = await _told(request, "", incident_id)
    return send(request, answer(await _diagnosed(request, found, asked, environment)))


async def _diagnosed(request: Request, about: Subject, asked: Asked, environment: str) -> Diagnosis:
    room: asyncio.Semaphore = request.app.state.diagnoses
    try:
        await asyncio.wait_for(room.acquire(), _WAITS_S)
    except TimeoutError:
        raise Overloaded("too many diagnoses at once", 5) from None
    try:
        doctor = Doctor(request.app.state.store.reader, getattr(request.app.state, "patience", 1.0))
        return await doctor.diagnose(about, Asked(environment, asked.start, asked.end, asked.baseline))
    finally:
        room.release()


def _named(wanted: About) -> Subject:
    if wanted.feature:
        return subject.feature(wanted.feature.strip())
    if wanted.endpoint:
        return subject.endpoint(wanted.endpoint.strip())
    return subject.service(wanted.service.strip())


async def _told(request: Request, alert: str, incident: str) -> tuple[Subject, str]:
    """An alert or an incident as a subject, and its environment.

    Raises:
        NotFound: there is none of that id.
    """
    control: State = control_of(request)
    catalogue: Catalogue = request.app.state.catalogue
    async with control.reading() as rows:
        if incident:
            case = await incidents.find(rows, incident)
            found = case.incident
            started = [each.started_at for each in case.members]
            began = min([found.first_deviation_at or found.opened_at, *started])
            about = subject.told(
                "incident", found.id, found.title, (found.services, found.areas), (began, found.resolved_at)
            )
            return _served(about, catalogue), found.environment
        one = await rows.alerts.find(alert.partition(":")[0])
    if one is None:
        raise NotFound(f"no alert {alert[:64]}")
    return _served(_of_alert(one), catalogue), one.environment


def _of_alert(alert: Alert) -> Subject:
    areas = (alert.area,) if alert.area else ()
    return subject.told(
        "alert", alert.id, alert.sentence, (alert.services, areas), (alert.started_at, alert.resolved_at)
    )


def _served(about: Subject, catalogue: Catalogue) -> Subject:
    """Where no service is named, those of the areas."""
    if about.services:
        return about
    services = tuple(each.id for each in catalogue.services if each.area in about.areas)
    return replace(about, services=services, bound={"subjects": list(services)})
