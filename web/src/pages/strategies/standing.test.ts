import { expect, test } from "vitest";
import { bandsOf, liveVerdict } from "@/pages/strategies/standing";

const row = (strategy: string, source: string, verdict: string) => ({ strategy, source, verdict, return_ratio: 0.1 });

test("only live results that fall behind their band are bad", () => {
  const rows = [row("a", "live", "inside"), row("b", "live", "above_band"), row("c", "paper", "outside")];
  expect(liveVerdict(rows).status).toBe("healthy");
  expect(liveVerdict([...rows, row("d", "live", "outside")])).toEqual({
    status: "degraded",
    lead: "Live not as the backtests promised: d.",
  });
});

test("without judged strategies nothing is known", () => {
  expect(liveVerdict([]).status).toBe("unknown");
  expect(liveVerdict([row("a", "live", "not_enough_data")]).status).toBe("unknown");
});

test("a band without a number stays without one", () => {
  expect(bandsOf([row("a", "live", "inside"), row("b", "paper", "inside")], "live")).toEqual([
    { name: "a", live: 0.1, expected: null, low: null, high: null },
  ]);
});
