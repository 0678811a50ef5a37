"""What can be said of any rule whose runbook nobody has written: what it judges, and what changed."""

from __future__ import annotations

from collections.abc import Iterable

from observatory.runbooks.model import Check, Look, Runbook, Step

_MOST = 6
_HELD_S = 300
_SIX_HOURS_S = 21_600


def general(runbook_id: str, title: str, indicators: Iterable[str] = ()) -> Runbook:
    """A runbook made from what rules judge.

    Args:
        runbook_id: as the rules name it.
        title: what they are about, in words.
        indicators: ids of the indicators that they judge.
    """
    judged = list(dict.fromkeys(indicators))[:_MOST]
    looks = [Look("indicator", each) for each in judged] + [Look("series", each) for each in judged[:1]]
    changed = tuple(Look("endpoint", "emergency", section, _SIX_HOURS_S) for section in ("deployments", "changes"))
    return Runbook(
        id=runbook_id,
        title=title[:1].upper() + title[1:],
        means="Nobody has written steps for this. What follows holds for anything.",
        steps=(
            Step("See what it is, since when, and what else is wrong.", (*looks, Look("alerts", ""))),
            Step("See which services are not well.", (Look("services", ""),)),
            Step("See what was deployed or changed before it began.", changed),
        ),
        checks=(Check("alerts", "", _HELD_S),),
    )
