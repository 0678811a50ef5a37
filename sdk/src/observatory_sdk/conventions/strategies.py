"""Strategies from submission to execution, and discovery of assets and opportunities."""

from __future__ import annotations

from observatory_sdk.conventions.common import STRATEGY_ID
from observatory_sdk.conventions.model import count, event, span, span_event, text

STATUS = text("strategy.status", "How it stands, such as `passed`, `failed`, `approved`, `rejected`, `completed`.")
PUBLISHER = text("strategy.publisher", "Who published the strategy.")
REVIEW_REASON = text("strategy.review.reason", "Why the review ended so, in a fixed word.")
SCANNED = count("discovery.scanned", "Looked at.")
FOUND = count("discovery.found", "Kept.")
DROPPED = count("discovery.dropped", "Left out.")
DROP_REASON = text("discovery.drop.reason", "Why they were left out, in a fixed word.")
DROP_COUNT = count("discovery.drop.count", "How many were left out for that reason.")

_EXECUTORS = "unified_strategy_service strategy_monitoring_service strategy_system_monitor"
EXECUTION = span("strategy.execute", "A strategy runs once.", _EXECUTORS, STRATEGY_ID, STATUS, PUBLISHER)
TEST = span("strategy.test", "A strategy is tested.", "strategy_testing_service", STRATEGY_ID, STATUS, PUBLISHER)
SUBMITTED = event(
    "strategy.submitted",
    "A strategy is handed in.",
    "strategy_submission_service dynamic_strategy_generator",
    STRATEGY_ID,
    STATUS,
    PUBLISHER,
)
REVIEWED = event(
    "strategy.reviewed",
    "A submission is judged.",
    "strategy_submission_service",
    STRATEGY_ID,
    STATUS,
    PUBLISHER,
    REVIEW_REASON,
)
ACTIVATED = event(
    "strategy.activated",
    "A user switches a strategy on.",
    "strategy_marketplace_service",
    STRATEGY_ID,
    STATUS,
    PUBLISHER,
)
DEACTIVATED = event(
    "strategy.deactivated",
    "A user switches a strategy off.",
    "strategy_marketplace_service",
    STRATEGY_ID,
    STATUS,
    PUBLISHER,
)
DOWNLOADED = event(
    "strategy.downloaded", "A user takes a strategy.", "strategy_marketplace_service", STRATEGY_ID, STATUS, PUBLISHER
)
OPPORTUNITY_SCAN = span(
    "opportunity.scan",
    "A look for opportunities.",
    "user_opportunity_discovery market_analysis_service",
    SCANNED,
    FOUND,
    DROPPED,
)
ASSET_DISCOVERY = span(
    "asset.discover",
    "A look for assets that can be traded.",
    "simple_asset_discovery exchange_universe_service dynamic_exchange_discovery",
    SCANNED,
    FOUND,
    DROPPED,
)
ASSET_FILTER = span("asset.filter", "Assets are sorted out.", "dynamic_asset_filter", SCANNED, FOUND, DROPPED)
DROP = span_event(
    "discovery.drop",
    "What was left out for one reason.",
    "user_opportunity_discovery simple_asset_discovery dynamic_asset_filter",
    DROP_REASON,
    DROP_COUNT,
)
