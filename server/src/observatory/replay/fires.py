"""Changes of phase to would-be fires: when, of which member, for how long."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from observatory.model.alert import Alert, Phase, Transition


@dataclass(frozen=True, slots=True)
class Fire:
    """One firing of one rule on one member.

    Attributes:
        alert: as it fired, with what was measured then.
        fired_at: when.
        resolved_at: when it was over; None: it still fired at the end.
        until: up to when is known of it.
    """

    alert: Alert
    fired_at: datetime
    resolved_at: datetime | None
    until: datetime

    @property
    def duration_s(self) -> float:
        """How long it fired, as far as is known."""
        return ((self.resolved_at or self.until) - self.fired_at).total_seconds()

    @property
    def told(self) -> bool:
        """Whether somebody would be told: no event of the daily run, and no service that is still being burnt in."""
        labels = self.alert.labels
        return labels.get("routine") != "yes" and not labels.get("silent")


def fires(changes: Iterable[Transition], until: datetime) -> Sequence[Fire]:
    """The firings among changes in order of time, by when they fired."""
    running: dict[str, Transition] = {}
    found: list[Fire] = []
    for each in changes:
        key = each.alert.fingerprint
        if each.alert.phase is Phase.FIRING:
            running[key] = each
        elif each.alert.phase is Phase.RESOLVED and key in running:
            fired = running.pop(key)
            found.append(Fire(fired.alert, fired.at, each.at, each.at))
    found += [Fire(fired.alert, fired.at, None, until) for fired in running.values()]
    return sorted(found, key=lambda fire: (fire.fired_at, fire.alert.rule, fire.alert.member))
