import { expect, test } from "vitest";
import { linesOf, logFilters, severitiesOf, tailAddress } from "@/pages/logs/query";

test("the stream is asked for what the search is asked for, but not for a trace that is over", () => {
  const address = { text: "no answer", severity: "warn", trace: "ab12", attribute: "a=1;b=2" };
  expect(logFilters(address)).toEqual({
    text: "no answer",
    severity: "warn",
    trace: "ab12",
    attribute: ["a=1", "b=2"],
  });
  expect(tailAddress(address, "production")).toBe(
    "/api/v1/monitoring/stream?topics=logs&environment=production&text=no+answer&severity=warn&attribute=a%3D1&attribute=b%3D2",
  );
  expect(logFilters({ severity: "loud" })).toEqual({});
});

test("every record is counted once, by severity", () => {
  const at = (seconds: number) => new Date(seconds * 1_000).toISOString();
  const lines = linesOf([
    { at: at(0), severity: "info" },
    { at: at(20), severity: "error" },
    { at: at(40), severity: "info" },
    { at: at(40), severity: null },
  ]);
  expect(lines.map(({ name, points }) => [name, points.reduce((all, point) => all + (point.value ?? 0), 0)])).toEqual([
    ["info", 2],
    ["error", 1],
    ["unknown", 1],
  ]);
  expect(linesOf([])).toEqual([]);
});

test("patterns are summed by severity", () => {
  const items = [
    { severity: "warn" as const, count: 3, count_before: 1 },
    { severity: "warn" as const, count: 2, count_before: 0 },
    { severity: null, count: 0, count_before: 4 },
  ];
  expect(severitiesOf(items)).toEqual([
    { name: "warn", now: 5, before: 1 },
    { name: "unknown", now: 0, before: 4 },
  ]);
});
