-- What is read of one user, bound to `environment`, `user`, `since`, `until` and `back`. $range is the range asked for. What is a
-- state and not an event (a balance, a subscription, a strategy that is switched on) follows from the last word about it,
-- which may be older: $back looks as far back as that.

-- read services
SELECT Service AS service, sum(Weight) AS calls, sumIf(Weight, Failed) AS errors, count() AS seen,
    max(Timestamp) AS last_seen, max(Weight != 1) AS estimated
FROM fact_calls WHERE $range GROUP BY service ORDER BY calls DESC, service

-- The times come from the narrow copy that is ordered by user, the rest from where those times lie. Asked for in the order
-- of the table itself, they would be looked for there, from the newest on.
-- read errors
SELECT Timestamp AS at, Service AS service, Feature AS feature, toString(SpanName) AS operation, toString(Outcome) AS outcome, TraceId AS trace_id
FROM fact_calls
WHERE $range AND Failed AND Timestamp IN (SELECT Timestamp FROM fact_calls WHERE $range AND Failed ORDER BY tuple(Timestamp) DESC LIMIT 20)
ORDER BY at DESC, service LIMIT 20

-- A trace begins with a call from outside. Of a user whom only inner calls name, the newest of those stand for it.
-- read traces
SELECT * FROM (
    SELECT Timestamp AS at, Service AS service, Feature AS feature, toString(SpanName) AS operation, DurationNs / 1e6 AS duration_ms, Failed AS failed, TraceId AS trace_id
    FROM fact_calls
    WHERE $range AND trace_id != '' AND Timestamp IN
        (SELECT Timestamp FROM fact_calls WHERE $range ORDER BY Caller IN ('external', '') DESC, Timestamp DESC LIMIT 20)
    ORDER BY Caller IN ('external', '') DESC, at LIMIT 1 BY trace_id)
ORDER BY at DESC, trace_id LIMIT 20

-- An entry told twice is one entry. What the balance moved by decides where it is told: some senders write no signs.
-- read credits
SELECT toString(Type) AS type, count() AS entries, countIf(isNull(Moved)) AS unreadable,
    -ifNull(sumIf(Moved, Moved < 0), toDecimal256(0, 9)) AS used, ifNull(sumIf(Moved, Moved > 0), toDecimal256(0, 9)) AS added,
    max(Timestamp) AS last_at
FROM (SELECT Timestamp, Type, ifNull(toDecimal256(BalanceAfter, 9) - toDecimal256(BalanceBefore, 9), toDecimal256(Amount, 9)) AS Moved
    FROM fact_credit_entries WHERE $range GROUP BY Timestamp, Type, Amount, BalanceBefore, BalanceAfter)
GROUP BY type ORDER BY used DESC, type

-- read balance
SELECT argMax(BalanceAfter, Timestamp) AS balance, max(Timestamp) AS at, count() AS entries
FROM fact_credit_entries WHERE $back AND isNotNull(BalanceAfter) HAVING count() > 0

-- read payments
SELECT count() AS payments, countIf(isNull(AmountUsd) AND (Paid OR Status = 'refunded')) AS unreadable,
    ifNull(sumIf(toDecimal256(AmountUsd, 9), Paid), toDecimal256(0, 9)) AS paid,
    ifNull(sumIf(toDecimal256(AmountUsd, 9), Status = 'refunded'), toDecimal256(0, 9)) AS refunded
FROM (SELECT *, Status IN ('succeeded', '') AND NOT Failed AS Paid FROM fact_payments WHERE $range)

-- read fees
SELECT count() AS shares, ifNull(sum(toDecimal256(AmountUsd, 9)), toDecimal256(0, 9)) AS fees
FROM (SELECT DISTINCT * FROM fact_profit_shares WHERE $range)

-- read subscriptions
SELECT toString(Channel) AS channel, argMax(toString(Plan), Timestamp) AS plan, max(Timestamp) AS since
FROM fact_subscriptions WHERE $back GROUP BY channel HAVING argMax(toString(Action), Timestamp) = 'subscribed' ORDER BY channel

-- read deliveries
SELECT toString(Channel) AS channel, countIf(Step = 'deliver') AS attempts, uniqExactIf(SignalId, Step = 'deliver') AS deliveries,
    uniqExactIf(SignalId, Step = 'deliver' AND Status = 'accepted') AS accepted, uniqExactIf(SignalId, Step = 'deliver' AND Status = 'dead_letter') AS dead_letters,
    countIf(Step = 'receipt') AS receipts, uniqExactIf(SignalId, Step = 'receipt' AND Status IN ('delivered', 'seen')) AS delivered,
    uniqExactIf(SignalId, Step = 'receipt' AND Status = 'seen') AS seen, uniqExactIf(SignalId, Step = 'receipt' AND Status = 'bounced') AS bounced,
    max(Timestamp) AS last_at
FROM fact_deliveries WHERE $range AND Step IN ('deliver', 'receipt') GROUP BY channel ORDER BY deliveries DESC, channel

-- read runs
SELECT toString(StrategyId) AS strategy, count() AS runs, countIf(NOT Failed) AS succeeded, max(Timestamp) AS last_at
FROM fact_strategy_runs WHERE $range AND Event = 'execute' AND strategy != '' GROUP BY strategy

-- read switched_on
SELECT toString(StrategyId) AS strategy, max(Timestamp) AS since FROM fact_strategy_events
WHERE $back AND Event IN ('activated', 'deactivated') AND strategy != ''
GROUP BY strategy HAVING argMax(toString(Event), (Timestamp, toString(Event))) = 'activated'

-- A trade is what a signal opened and what closed it again; live and paper are never mixed, nor is what was simulated.
-- read trades
SELECT Strategy AS strategy, Source AS mode, arraySort(groupArray(20000)((At, Ret, Profit))) AS trades FROM (
    SELECT Strategy, Source, At, (Received - Paid) * least(Bought, Sold) - Fees AS Profit, Profit / if(Opened = 'buy', Bought * Paid, Sold * Received) AS Ret
    FROM (SELECT toString(StrategyId) AS Strategy, if(Mode = 'paper', 'paper', 'live') AS Source, max(Timestamp) AS At, argMin(Side, Timestamp) AS Opened,
        sumIf(FilledQuantity, Side = 'buy') AS Bought, sumIf(FilledQuantity, Side = 'sell') AS Sold,
        sumIf(FilledQuantity * AveragePrice, Side = 'buy') / Bought AS Paid, sumIf(FilledQuantity * AveragePrice, Side = 'sell') / Sold AS Received,
        sum(toFloat64(ifNull(FeeUsd, 0))) AS Fees
      FROM fact_orders WHERE $range AND SignalId != '' AND StrategyId != '' AND Side IN ('buy', 'sell') AND FilledQuantity > 0 AND AveragePrice > 0 AND NOT Simulated
      GROUP BY Strategy, Source, SignalId, Symbol HAVING Bought > 0 AND Sold > 0 AND abs(Bought / Sold - 1) <= 0.01))
GROUP BY strategy, mode ORDER BY mode, strategy

-- By the key of the raw table where it helps, and by the index of trace ids; bound to `first`, `last`, `operations`, `traces`.
-- then reasons
SELECT TraceId AS trace_id, Timestamp AS at, Service AS service, any(SpanAttributes['error.type']) AS error_type, any(SpanAttributes['observatory.outcome.reason']) AS reason
FROM otel_traces
WHERE Timestamp >= {first:DateTime64(9, 'UTC')} AND Timestamp <= {last:DateTime64(9, 'UTC')} + toIntervalMicrosecond(1)
    AND SpanName IN {operations:Array(String)} AND TraceId IN {traces:Array(String)} AND Environment = {environment:String}
GROUP BY trace_id, at, service
