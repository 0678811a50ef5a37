import { expect, test } from "vitest";
import { funnelSteps, quietOnes, worstHop } from "@/pages/signals/funnel";

const PIPELINE = [
  { hop: "market_event_to_generated", entered: 10, reached: 9, dropped: 1, drop_ratio: 0.1, p50_ms: 400 },
  { hop: "evaluated_to_passed", entered: 9, reached: 3, dropped: 6, drop_ratio: 0.667, p50_ms: 0 },
  { hop: "bridged_to_order", entered: 3, reached: null, dropped: null, drop_ratio: null, p50_ms: null },
];

test("the funnel begins with the events and ends with the signals that made money", () => {
  const steps = funnelSteps(PIPELINE, [{ kind: "all", won: 2, judged: 8 }]);
  expect(steps.map(({ name }) => name)).toEqual(["Market event", "Generated", "Passed", "Order", "Profit"]);
  expect(steps[1]).toEqual({ name: "Generated", count: 9, drop_ratio: 0.1, delay_s: 0.4 });
  expect(steps[3]).toEqual({ name: "Order", count: null, drop_ratio: null, delay_s: null });
  expect(steps[4]).toEqual({ name: "Profit", count: 2, drop_ratio: 0.75 });
});

test("without events there is no funnel", () => {
  expect(funnelSteps([], [])).toEqual([]);
  expect(worstHop([])).toBeUndefined();
});

test("the worst hop is the one that loses the largest share", () => {
  expect(worstHop(PIPELINE)).toEqual({ hop: "evaluated_to_passed", ratio: 0.667, dropped: 6 });
});

test("quiet strategies come first, what flows or is unknown does not come", () => {
  const rows = [
    { kind: "all", verdict: "silent" },
    { kind: "strategy", name: "momentum", verdict: "quiet" },
    { kind: "type", name: "breakout", verdict: "flowing" },
    { kind: "channel", name: "email", verdict: "unknown" },
  ];
  expect(quietOnes(rows).map(({ kind }) => kind)).toEqual(["strategy", "all"]);
});
