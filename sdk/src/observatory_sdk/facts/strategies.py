"""Strategies from submission to execution, and discovery of assets and opportunities."""

from __future__ import annotations

from typing import Unpack

from observatory_sdk.conventions import Fact, common, strategies
from observatory_sdk.facts.event_fact import Common, emit
from observatory_sdk.facts.span_fact import SpanFact, of


class StrategyRun(SpanFact):
    """A strategy runs once."""

    fact = strategies.EXECUTION

    strategy_id: str = of(common.STRATEGY_ID)
    status: str | None = of(strategies.STATUS, default=None)
    publisher: str | None = of(strategies.PUBLISHER, default=None)


class StrategyTest(SpanFact):
    """A strategy is tested."""

    fact = strategies.TEST

    strategy_id: str = of(common.STRATEGY_ID)
    status: str | None = of(strategies.STATUS, default=None)
    publisher: str | None = of(strategies.PUBLISHER, default=None)


class Scan(SpanFact):
    """Candidates are looked at; `drop` for each reason why some were left out."""

    fact = strategies.OPPORTUNITY_SCAN

    scanned: int | None = of(strategies.SCANNED, default=None)
    found: int | None = of(strategies.FOUND, default=None)
    dropped: int | None = of(strategies.DROPPED, default=None)

    def drop(self, *, reason: str, count: int) -> None:
        """So many were left out for this reason; adds up to `dropped`."""
        self.dropped = (self.dropped or 0) + count
        self._add(strategies.DROP, {strategies.DROP_REASON: reason, strategies.DROP_COUNT: count})


class OpportunityScan(Scan):
    """A look for opportunities."""

    fact = strategies.OPPORTUNITY_SCAN


class AssetDiscovery(Scan):
    """A look for assets that can be traded."""

    fact = strategies.ASSET_DISCOVERY


class AssetFilter(Scan):
    """Assets are sorted out."""

    fact = strategies.ASSET_FILTER


def _change(fact: Fact, strategy_id: str, status: str | None, publisher: str | None, also: Common) -> None:
    values = {common.STRATEGY_ID: strategy_id, strategies.STATUS: status, strategies.PUBLISHER: publisher}
    emit(fact, values, also)


def strategy_submitted(
    *, strategy_id: str, publisher: str | None = None, status: str | None = None, **also: Unpack[Common]
) -> None:
    """A strategy is handed in."""
    _change(strategies.SUBMITTED, strategy_id, status, publisher, also)


def strategy_reviewed(
    *,
    strategy_id: str,
    status: str,
    reason: str | None = None,
    publisher: str | None = None,
    **also: Unpack[Common],
) -> None:
    """A submission is judged: `status` as in `approved` or `rejected`."""
    values = {
        common.STRATEGY_ID: strategy_id,
        strategies.STATUS: status,
        strategies.REVIEW_REASON: reason,
        strategies.PUBLISHER: publisher,
    }
    emit(strategies.REVIEWED, values, also)


def strategy_activated(
    *, strategy_id: str, publisher: str | None = None, status: str | None = None, **also: Unpack[Common]
) -> None:
    """A user switches a strategy on."""
    _change(strategies.ACTIVATED, strategy_id, status, publisher, also)


def strategy_deactivated(
    *, strategy_id: str, publisher: str | None = None, status: str | None = None, **also: Unpack[Common]
) -> None:
    """A user switches a strategy off."""
    _change(strategies.DEACTIVATED, strategy_id, status, publisher, also)


def strategy_downloaded(
    *, strategy_id: str, publisher: str | None = None, status: str | None = None, **also: Unpack[Common]
) -> None:
    """A user takes a strategy from the marketplace."""
    _change(strategies.DOWNLOADED, strategy_id, status, publisher, also)
