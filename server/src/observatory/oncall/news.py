"""That somebody took a trouble, told to whoever was told of it: nobody needs to run for what another has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from observatory import incidents
from observatory.model.notification import Kind, Message, Status
from observatory.oncall.standing import Standing
from observatory.state import Rows


async def tell_taken(rows: Rows, standing: Standing, actor: str, reason: str, at: datetime) -> None:
    """Write the message down for the channels that were told that it fires; none when nobody was.

    Raises:
        NotFound: there is no such incident.
    """
    kind, _, name = standing.subject.partition(":")
    alerts = [name] if kind == "alert" else await _alerts(rows, name)
    told = (await rows.deliveries.past("", alerts)).told
    channels = [each for each, of in told.items() if any(status is not Status.RESOLVED for status in of.values())]
    if not channels:
        return
    began = await rows.outbox.beginnings(alerts)
    what = f"incident {name}" if kind == "incident" else began[name].title if name in began else standing.subject
    grouping = f"incident/{name}" if kind == "incident" else began[name].grouping if name in began else standing.subject
    message = Message(
        key=f"taken:{standing.subject}:{at.isoformat()}",
        kind=Kind.INCIDENT,
        environment=standing.environment,
        grouping=grouping,
        severity=standing.severity,
        status=Status.INFO,
        at=at,
        title=f"{what} was taken by {actor}",
        text=f"{standing.sentence}\n{reason}".strip(),
        incident=name if kind == "incident" else "",
        targets=tuple(sorted(channels)),
    )
    await rows.outbox.add([message])


async def _alerts(rows: Rows, incident: str) -> Sequence[str]:
    return [each.alert for each in (await incidents.find(rows, incident)).members]
