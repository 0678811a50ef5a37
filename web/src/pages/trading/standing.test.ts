import { expect, test } from "vitest";
import { feedsVerdict } from "@/pages/trading/feeds";
import { gapOf, rejectLines, shortfallParts, standingOf, verdictOf, type Reason } from "@/pages/trading/standing";
import { bucketsOf } from "@/areas/values";

function reason(member: string, status: Reason["status"], subject = "trading_execution.exchange_latency_p95"): Reason {
  return { reason: "beyond_warning_bound", status, subject, member, sentence: `${member || "all"} is ${status}` };
}

test("an exchange stands as its worst reason says", () => {
  const areas = [[reason("kraken", "degraded")], [reason("kraken/BTC/USDT", "critical"), reason("kucoin", "critical")]];
  expect(standingOf("kraken", areas, true)).toEqual({ status: "critical", reason: "kraken/BTC/USDT is critical" });
  expect(standingOf("binance", areas, true).status).toBe("healthy");
});

test("an exchange of which nothing is told is unknown, never healthy", () => {
  expect(standingOf("kraken", undefined, true).status).toBe("unknown");
  expect(standingOf("kraken", [[]], false).status).toBe("unknown");
  const gone = reason("", "critical", "trading_execution.services_alive_ratio");
  expect(standingOf("kraken", [[gone]], true).status).toBe("unknown");
  expect(verdictOf([]).status).toBe("unknown");
});

test("the verdict counts the healthy and names the worst", () => {
  const verdict = verdictOf([
    { exchange: "kraken", standing: { status: "degraded", reason: "slow" } },
    { exchange: "binance", standing: { status: "healthy", reason: "" } },
  ]);
  expect(verdict).toEqual({ status: "degraded", reason: "1 of 2 exchanges is healthy; kraken is degraded." });
});

function market(mode: string, slippage: number | null, samples: number) {
  const origin = { unit: "bps", samples, window_s: 900, as_of: "", source: "", estimated: false };
  return {
    exchange: "kraken",
    mode,
    symbol: "BTC/USDT",
    orders: samples,
    execution_success_rate: null,
    latency_p95_ms: null,
    avg_slippage_bps: slippage,
    slippage_p95_bps: null,
    provenance: { avg_slippage_bps: origin },
  };
}

test("the gap weighs markets by their samples, and is not known where one side is missing", () => {
  const markets = [market("live", 4, 30), market("live", 1, 10), market("paper", 2, 5), market("paper", null, 0)];
  expect(gapOf(markets, "kraken")).toEqual({ value: 3.25 - 2, live: 40, paper: 5 });
  expect(gapOf([market("live", 4, 30)], "kraken")).toBeNull();
  expect(gapOf(markets, "kucoin")).toBeNull();
});

function point(at: string, value: number | null) {
  return { at, value, mean: null, min: null, max: null, samples: 0, estimated: false };
}

test("rejects are added up by reason, and what is not known stays unknown", () => {
  const members = [
    { member: "kraken/rejected/rate_limited", points: [point("1", 2), point("2", null)] },
    { member: "kucoin/rejected/rate_limited", points: [point("1", 3), point("3", 1)] },
    { member: "kraken/denied/too_large", points: [point("1", 1)] },
    { member: "kraken/filled/", points: [point("1", null)] },
  ];
  const [limited, denied, ...others] = rejectLines(members, "");
  expect(limited?.points.map(({ value }) => value)).toEqual([5, null, 1]);
  expect(denied?.name).toBe("too_large (denied by us)");
  expect(others).toEqual([]);
  expect(rejectLines(members, "kucoin")).toHaveLength(1);
});

test("the parts of the shortfall are shown only together", () => {
  const cost = (measure: string, mean_bps: number | null) => ({ measure, exchange: "", mean_bps });
  const costs = [cost("shortfall_execution", 4), cost("shortfall_fee", 2), cost("shortfall_opportunity", 0.5)];
  expect(shortfallParts(costs, "").map(({ value }) => value)).toEqual([4, 2, 0.5]);
  expect(shortfallParts(costs.slice(1), "")).toEqual([]);
});

test("feeds that nobody judged are unknown, broken ones are named", () => {
  const feed = (verdict: string) => ({ exchange: "kraken", symbol: "BTC/USDT", verdict });
  expect(feedsVerdict([]).status).toBe("unknown");
  expect(feedsVerdict([feed("unknown")]).status).toBe("unknown");
  expect(feedsVerdict([feed("quiet"), feed("flowing")]).status).toBe("healthy");
  expect(feedsVerdict([feed("broken"), feed("flowing")])).toEqual({
    status: "degraded",
    reason: "Of 2 feeds: 1 broken, 1 flowing. Broken: kraken BTC/USDT.",
  });
});

test("open ends of a histogram stay open, whichever way they are called", () => {
  expect(bucketsOf([{ above: null, to: 1, count: 2 }])).toEqual([{ from: null, to: 1, count: 2 }]);
  expect(bucketsOf([{ from: 1, below: null, count: 3 }])).toEqual([{ from: 1, to: null, count: 3 }]);
  expect(bucketsOf(undefined)).toEqual([]);
});
