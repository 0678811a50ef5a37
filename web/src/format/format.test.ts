import { expect, test } from "vitest";
import * as format from "@/format";

test.each([
  [0, "1", "0"],
  [1_234_567, "1", "1,234,567"],
  [0.00421, "1", "0.0042"],
  [-0.0001, "ratio", "-0.01 %"],
  [0, "ratio", "0 %"],
  [0.5, "ratio", "50 %"],
  [0.99999, "ratio", "99.999 %"],
  [1, "ratio", "100 %"],
  [1.2, "ratio", "120 %"],
  [1_210, "ms", "1,210 ms"],
  [0.42, "ms", "0.42 ms"],
  [12_300, "ms", "12.3 s"],
  [185, "s", "3 min 5 s"],
  [0.42, "s", "420 ms"],
  [7_200, "s", "2 h"],
  [2, "min", "2 min"],
  [1_234.5, "usd", "$1,234.50"],
  [-3, "usd", "-$3.00"],
  [0.000421, "usd", "$0.00042"],
  [0, "usd", "$0.00"],
  [2.5, "usd/h", "$2.50/h"],
  [1_024, "By", "1 KiB"],
  [1_000, "By", "1,000 B"],
  [1_610_612_736, "bytes", "1.5 GiB"],
  [3.25, "bps", "3.25 bps"],
  [1.373333, "1/s", "1.37/s"],
  [1, "{token}", "1 token"],
  [2_000, "{token}", "2,000 tokens"],
  [1.5, "{cpu}", "1.5 cpu"],
  [0.7, "score", "0.7 score"],
])("%d in %s is %s", (value, unit, shown) => {
  expect(format.formatValue(value, unit)).toBe(shown);
});

test("what nobody measured is unknown in every unit, and never zero", () => {
  for (const unit of ["1", "ratio", "usd", "ms", "s", "By", "{token}", "bps", "parsecs"]) {
    for (const value of [null, undefined, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(format.formatValue(value, unit)).toBe("unknown");
    }
  }
  expect(format.formatMoney("")).toBe("unknown");
  expect(format.formatMoney("n/a")).toBe("unknown");
});

test("an amount of money that came as text keeps its cents", () => {
  expect(format.formatMoney("12345.6")).toBe("$12,345.60");
});

test("the numbers of an axis are short", () => {
  expect(format.formatTick(1_500, "1")).toBe("1.5k");
  expect(format.formatTick(2_000_000, "{token}")).toBe("2M");
  expect(format.formatTick(-1_200_000, "usd")).toBe("-$1.2M");
  expect(format.formatTick(0.05, "usd")).toBe("$0.05");
  expect(format.formatTick(0, "usd")).toBe("$0.00");
  expect(format.formatTick(0.25, "ratio")).toBe("25 %");
});

test.each([
  [0, "0 s"],
  [0.0005, "0.5 ms"],
  [0.9996, "1 s"],
  [59.4, "59.4 s"],
  [59.6, "1 min"],
  [86_400, "1 d"],
  [90_061, "1 d 1 h"],
  [-5, "-5 s"],
])("%d seconds last %s", (seconds, shown) => {
  expect(format.formatDuration(seconds)).toBe(shown);
});

test.each([
  [0.4, "just now"],
  [42.9, "42 s ago"],
  [185, "3 min ago"],
  [200_000, "2 d ago"],
  [Number.NaN, "unknown"],
])("%d seconds of age are %s", (seconds, shown) => {
  expect(format.formatAge(seconds)).toBe(shown);
});

test("an age is counted from a time, is never negative, and is null without one", () => {
  const now = Date.parse("2026-01-02T03:04:05Z");
  expect(format.ageOf("2026-01-02T03:04:00.000Z", now)).toBe(5);
  expect(format.ageOf("2026-01-02T03:05:00.000Z", now)).toBe(0);
  expect(format.ageOf(null, now)).toBeNull();
  expect(format.ageOf("yesterday", now)).toBeNull();
});

test("times are told in UTC, or in the reader's zone with its name", () => {
  const at = "2026-01-02T03:04:05.678Z";
  expect(format.formatTime(at, "utc")).toBe("2026-01-02 03:04:05 UTC");
  expect(format.formatTime(at, "local")).toMatch(/^2026-01-0[123] \d\d:\d\d:05 \S+/);
  expect(format.formatClock("2026-01-02T00:00:00Z", "utc")).toBe("00:00:00");
  expect(format.formatTime("", "utc")).toBe("unknown");
  expect(format.formatTime("soon", "local")).toBe("unknown");
});

test("a range names the day once", () => {
  expect(format.formatRange("2026-01-02T03:00:00Z", "2026-01-02T04:00:00Z", "utc")).toBe(
    "2026-01-02 03:00:00 – 04:00:00 UTC",
  );
  expect(format.formatRange("2026-01-02T03:00:00Z", "2026-01-03T04:00:00Z", "utc")).toBe(
    "2026-01-02 03:00:00 – 2026-01-03 04:00:00 UTC",
  );
});

test.each([
  ["response_time_p95_ms", "ms", "Response time p95"],
  ["error_rate", "ratio", "Error rate"],
  ["uptime_5m", "ratio", "Uptime 5m"],
  ["fill_ratio", "ratio", "Fill"],
  ["ratio", "ratio", "Ratio"],
  ["ratio_low", "ratio", "Ratio low"],
  ["cost_usd", "usd", "Cost"],
  ["cost_per_hour_usd", "usd/h", "Cost per hour"],
  ["pnl_usd", "usd", "P&L"],
  ["exhausted_in_s_high", "s", "Exhausted in high"],
  ["bytes_per_s", "By/s", "Bytes per s"],
  ["memory_bytes", "By", "Memory"],
  ["calls", "", "Calls"],
  ["trace_id", "", "Trace id"],
])("the name %s says its unit %s", (field, unit, label) => {
  expect(format.unitOf(field)).toBe(unit);
  expect(format.labelOf(field)).toBe(label);
});
