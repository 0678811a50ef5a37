"""Writes the dashboards for Grafana: `python -m deploy.grafana.generate [folder]`, or `make grafana`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from deploy.grafana.panels import PROMETHEUS, Grid, count, each_now, here, lines, one, sql_lines, sql_table, states
from grafana_foundation_sdk.builders import dashboard as built
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from observatory.areas.select import LEAF

FOLDER = Path(__file__).parent / "dashboards"
_HERE = "$__timeFilter(Timestamp) AND Environment = ${environment:sqlstring}"
# A call round another call is the same call, seen by two instrumentations.
_MODEL_CALLS = f"fact_ai_calls WHERE {_HERE} AND {LEAF.format(window='$__timeFilter(Timestamp)')}"
_TIME = "$__timeInterval(Timestamp) AS time"
_SERIES = "GROUP BY {} ORDER BY time"


def executive() -> built.Dashboard:
    """Is it healthy, what does it cost."""
    made = _dashboard("Executive", "executive", "/")
    reporting = 'observatory_services_reporting{environment="$environment"}'
    critical = 'sum(observatory_service_health{environment="$environment", status="critical"})'
    Grid(made).row(
        "Now",
        count("Services reporting", "Services of which something was heard.", reporting),
        count("Critical services", "Services whose status in force is critical.", critical),
        one("Cost of the last hour", "costs.cost_last_hour"),
        one("Month as projected", "costs.month_projected_usd"),
        one("Execution success", "trading_execution.execution_success"),
        one("Model error rate", "ai_systems.error_rate"),
    ).row(
        "Health by area",
        states("Ten areas", "area", 8, 16),
        each_now("Budgets used", "costs.budget_used_ratio"),
    ).row(
        "What people notice",
        lines("Signal latency p95", "signal_intelligence.latency_p95"),
        lines("Delivery success", "signal_intelligence.delivery_success"),
        lines("Payment success", "credits.payment_success"),
    ).row(
        "By service",
        sql_table(
            "Services by failures",
            "Calls and failures of each service, weighted by how they were sampled.",
            f"SELECT Service, sum(Weight) AS Calls, sumIf(Weight, Failed) AS Failures, Failures / Calls AS FailedShare,"
            f" quantile(0.95)(DurationNs) / 1e9 AS P95 FROM fact_calls WHERE {_HERE}"
            " GROUP BY Service ORDER BY Failures DESC, Calls DESC LIMIT 65",
            FailedShare="percentunit",
            P95="s",
        ),
        states("65 services", "service", 24, 12),
    )
    return made


def ai_operations() -> built.Dashboard:
    """Providers and models against each other."""
    made = _dashboard("AI operations", "ai", "/ai")
    Grid(made).row(
        "Now",
        one("Error rate", "ai_systems.error_rate"),
        one("Latency p95", "ai_systems.latency_p95"),
        one("Cost of the last hour", "ai_systems.cost_last_hour"),
        one("Answered by another model", "ai_systems.substituted_ratio"),
        one("Calibration error", "ai_systems.consensus_ece"),
        one("Context retained", "ai_systems.context_retained"),
    ).row(
        "Providers and models",
        lines("Latency p95 by provider", "ai_systems.provider_latency_p95"),
        lines("Error rate by provider", "ai_systems.provider_error_rate"),
        lines("Cost of an hour by provider", "ai_systems.provider_cost"),
        each_now("Cost of a call by model", "ai_systems.model_cost_per_call"),
        each_now("Latency p95 by model", "ai_systems.model_latency_p95"),
        each_now("Accuracy of votes by model", "ai_systems.model_vote_accuracy"),
    ).row(
        "Tokens, fallbacks, memory",
        lines(
            "Tokens by kind", *(f"ai_systems.tokens_{kind}" for kind in ("input", "output", "cache_read", "reasoning"))
        ),
        each_now("Fallbacks by reason", "ai_systems.fallbacks_by_reason"),
        lines("Consensus", "ai_systems.consensus_agreement", "ai_systems.consensus_confidence"),
        lines("Memory hit rate", "ai_systems.memory_hit_rate"),
        each_now("Errors by kind", "ai_systems.errors_by_kind"),
        sql_lines(
            "Calls by answered model",
            "Calls that came in, by the model that answered; a call seen twice counts once.",
            "short",
            f"SELECT {_TIME}, if(ResponseModel != '', ResponseModel, RequestModel) AS model, count() AS calls"
            f" FROM {_MODEL_CALLS} {_SERIES.format('time, model')}",
        ),
    ).row(
        "Conversations",
        sql_table(
            "Conversations by tokens",
            "Where nothing was said of the tokens, nothing is counted.",
            "SELECT ConversationId, any(UserCohort) AS Cohort, count() AS Calls, sum(InputTokens) AS Input,"
            " sum(OutputTokens) AS Output, countIf(Failed) AS Failures"
            f" FROM {_MODEL_CALLS} AND ConversationId != '' GROUP BY ConversationId"
            " ORDER BY ifNull(Input, 0) + ifNull(Output, 0) DESC LIMIT 50",
        ),
        sql_table(
            "Slowest calls",
            "The trace is found under its id in Observatory.",
            "SELECT Timestamp, Provider, RequestModel, Feature, DurationNs / 1e9 AS Seconds, ErrorKind, TraceId"
            f" FROM {_MODEL_CALLS} ORDER BY DurationNs DESC LIMIT 50",
            Seconds="s",
        ),
    )
    return made


def trading_operations() -> built.Dashboard:
    """Orders at the exchanges, and the data that they rest on."""
    made = _dashboard("Trading operations", "trading", "/trading")
    Grid(made).row(
        "Now",
        one("Execution success", "trading_execution.execution_success"),
        one("Slippage p95", "trading_execution.slippage_p95"),
        one("Market order latency p95", "trading_execution.market_order_latency_p95"),
        one("Age of the oldest unknown order", "trading_execution.unknown_age"),
        one("Paper against live", "trading_execution.paper_live_difference"),
        one("Exchanges connected", "market_data.exchanges_connected_ratio"),
    ).row(
        "By exchange",
        lines("Success", "trading_execution.exchange_execution_success"),
        lines("Latency p95", "trading_execution.exchange_latency_p95"),
        lines("Slippage p95", "trading_execution.exchange_slippage_p95"),
        each_now("Rejects by reason", "trading_execution.rejects_by_reason"),
        each_now("Headroom of rate limits", "market_data.rate_limit_headroom"),
        lines("Signal to fill", *(f"trading_execution.signal_to_fill_{at}" for at in ("p50", "p95", "p99"))),
    ).row(
        "Market data",
        each_now("Stale for", "market_data.feed_stale"),
        lines("Lag p95", "market_data.lag_p95"),
        lines("Share of messages missing", "market_data.sequence_gap_ratio"),
    ).row(
        "Orders",
        sql_lines(
            "Live orders by exchange and status",
            "Orders as they ended; paper orders are left out.",
            "short",
            f"SELECT {_TIME}, concat(Exchange, ' ', Status) AS status, count() AS orders FROM fact_orders"
            f" WHERE {_HERE} AND Mode != 'paper' {_SERIES.format('time, status')}",
        ),
        sql_lines(
            "Exchange calls answered with a refusal",
            "HTTP status 4xx and 5xx by exchange.",
            "short",
            f"SELECT {_TIME}, concat(Exchange, ' ', toString(StatusCode)) AS refused, count() AS calls"
            f" FROM fact_exchange_calls WHERE {_HERE} AND StatusCode >= 400 {_SERIES.format('time, refused')}",
        ),
    ).row(
        "Rejected",
        sql_table(
            "Rejected orders",
            "The newest, with the exchange's reason.",
            "SELECT Timestamp, Exchange, Symbol, Side, Type, RejectReason, StrategyId, TraceId FROM fact_orders"
            f" WHERE {_HERE} AND Status = 'rejected' ORDER BY Timestamp DESC LIMIT 100",
        ),
    )
    return made


def signal_intelligence() -> built.Dashboard:
    """From a market event to a profit."""
    made = _dashboard("Signal intelligence", "signals", "/signals")
    Grid(made).row(
        "Now",
        one("Signals in an hour", "signal_intelligence.signals_generated_1h"),
        one("Latency p95", "signal_intelligence.latency_p95"),
        one("Delivery success", "signal_intelligence.delivery_success"),
        one("Quiet for, in usual gaps", "signal_intelligence.silence_gaps"),
        one("Win rate", "signal_intelligence.win_rate"),
        one("Overconfidence", "signal_intelligence.overconfidence"),
    ).row(
        "The way of a signal",
        lines("Signals by strategy", "signal_intelligence.signals_by_strategy"),
        lines("Delivered and seen", "signal_intelligence.delivered_ratio", "signal_intelligence.seen_ratio"),
        lines("Dead letters by channel", "signal_intelligence.channel_dead_letters"),
    ).row(
        "Channels",
        lines("Success by channel", "signal_intelligence.channel_delivery_success"),
        lines("Attempt p95 by channel", "signal_intelligence.channel_attempt_p95"),
        sql_lines(
            "Attempts by channel and status",
            "Each attempt to deliver; a receipt is not an attempt.",
            "short",
            f"SELECT {_TIME}, concat(Channel, ' ', Status) AS status, count() AS attempts FROM fact_deliveries"
            f" WHERE {_HERE} AND Step = 'deliver' {_SERIES.format('time, status')}",
        ),
    ).row(
        "What came of them",
        each_now("Profit and loss by strategy", "signal_intelligence.strategy_pnl"),
        each_now("Win rate by strategy", "signal_intelligence.strategy_win_rate"),
        each_now("Subscriptions by plan", "signal_intelligence.subscriptions_by_plan"),
        sql_table(
            "Signals by strategy and symbol",
            "Generated signals, with how sure they said they were.",
            "SELECT Strategy, Symbol, count() AS Signals, countIf(Failed) AS Failures, avg(Confidence) AS Confidence,"
            f" quantile(0.95)(EventLatencyMs) / 1e3 AS P95 FROM fact_signals WHERE {_HERE}"
            " GROUP BY Strategy, Symbol ORDER BY Signals DESC LIMIT 100",
            Confidence="percentunit",
            P95="s",
        ),
    )
    return made


def cost_control() -> built.Dashboard:
    """What is spent, on what, and what is coming."""
    made = _dashboard("Cost control", "costs", "/costs")
    Grid(made).row(
        "Now",
        one("Last hour", "costs.cost_last_hour"),
        one("Of it models", "costs.ai_cost"),
        one("Month as projected", "costs.month_projected_usd"),
        one("Unpriced share", "costs.unpriced_ratio"),
        one("Beyond the usual", "costs.anomaly_excess_usd"),
        one("Bad token counts", "costs.violations"),
    ).row(
        "Where it goes",
        lines("Charges of an hour by provider", "costs.charges_by_provider"),
        lines("Models: cost of an hour", "ai_systems.model_cost"),
        each_now("Budgets used", "costs.budget_used_ratio"),
        lines("Tokens of features against the usual", "costs.feature_token_pace"),
        lines("Price of a unit against before", "costs.unit_price_change"),
        sql_lines(
            "Told charges by category",
            "Money that services said they were charged. Models are priced when read, so they are not in it.",
            "currencyUSD",
            f"SELECT {_TIME}, Category AS category, toFloat64(sum(AmountUsd)) AS usd FROM fact_cost_charges"
            f" WHERE {_HERE} {_SERIES.format('time, category')}",
        ),
    ).row(
        "Long term",
        sql_lines(
            "Cost of an hour, from the kept history",
            "Minutes, then hours: kept for longer than Prometheus usually keeps.",
            "currencyUSD",
            f"SELECT {_TIME}, Indicator AS indicator, avg(Mean) AS usd FROM indicator_history WHERE {_HERE}"
            " AND Indicator IN ('costs.cost_last_hour', 'costs.ai_cost') AND Member = ''"
            f" AND Resolution = if($__toTime - $__fromTime > 86400, 3600, 60) {_SERIES.format('time, indicator')}",
        ),
    ).row(
        "By whom",
        sql_table(
            "Tokens by feature and model",
            "What the calls themselves said they used.",
            "SELECT Feature, if(ResponseModel != '', ResponseModel, RequestModel) AS Model, count() AS Calls,"
            f" sum(InputTokens) AS Input, sum(OutputTokens) AS Output FROM {_MODEL_CALLS}"
            " GROUP BY Feature, Model ORDER BY ifNull(Input, 0) + ifNull(Output, 0) DESC LIMIT 100",
        ),
        sql_table(
            "Tokens by user",
            "Users are pseudonyms, as in Observatory. No user: nobody said for whom.",
            "SELECT UserId, any(UserCohort) AS Cohort, count() AS Calls, sum(InputTokens) AS Input,"
            f" sum(OutputTokens) AS Output FROM {_MODEL_CALLS} GROUP BY UserId"
            " ORDER BY ifNull(Input, 0) + ifNull(Output, 0) DESC LIMIT 100",
        ),
    )
    return made


DASHBOARDS: dict[str, Callable[[], built.Dashboard]] = {
    "executive": executive,
    "ai-operations": ai_operations,
    "trading-operations": trading_operations,
    "signal-intelligence": signal_intelligence,
    "cost-control": cost_control,
}


def _dashboard(title: str, uid: str, path: str) -> built.Dashboard:
    environments = (
        built.QueryVariable("environment")
        .label("Environment")
        .datasource(PROMETHEUS)
        .query("label_values(observatory_services_reporting, environment)")
        .refresh(model.VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )
    observatory = built.TextBoxVariable("observatory").label("Observatory").default_value("http://127.0.0.1:8600")
    return (
        built.Dashboard(f"Observatory: {title}")
        .uid(f"observatory-{uid}")
        .tags(["observatory"])
        .readonly()
        .refresh("30s")
        .time("now-3h", "now")
        .timezone("utc")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(environments)
        .with_variable(observatory)
        .link(
            built.DashboardLink("Open in Observatory")
            .type(model.DashboardLinkType.LINK)
            .url(here(path))
            .icon("external link")
        )
        .link(
            built.DashboardLink("Dashboards")
            .type(model.DashboardLinkType.DASHBOARDS)
            .tags(["observatory"])
            .keep_time(True)
        )
    )


def main(folder: Path) -> None:
    """Write all dashboards."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in DASHBOARDS.items():
        text = json.dumps(make().build(), cls=JSONEncoder, indent=1, sort_keys=True)
        (folder / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
