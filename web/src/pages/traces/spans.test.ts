import { expect, test } from "vitest";
import { bucketsOf } from "@/pages/traces/durations";
import { filtersOf, listed } from "@/pages/traces/query";
import { boxesOf, rowAfter, rowsInSight } from "@/pages/traces/spans";

test("durations are counted between 1, 2 and 5 of each power of ten, and none is lost", () => {
  expect(bucketsOf([])).toEqual([]);
  expect(bucketsOf([3, 4, 7, 12])).toEqual([
    { from: 2, to: 5, count: 2 },
    { from: 5, to: 10, count: 1 },
    { from: 10, to: 20, count: 1 },
  ]);
  const counted = bucketsOf([0, 0.0004, 1, 2, 99_999]).reduce((all, bucket) => all + bucket.count, 0);
  expect(counted).toBe(5);
});

test("an address says which traces are wanted, and nothing that it does not hold", () => {
  const address = { service: "a", status: "error", from_ms: "250", to_ms: "no", attribute: "x=1; y", range: "1h" };
  expect(filtersOf(address)).toEqual({ service: "a", status: "error", from_ms: 250, attribute: ["x=1", "y"] });
  expect(filtersOf({ status: "odd", user: " " })).toEqual({});
  expect(listed(undefined)).toEqual([]);
});

test("of many rows those in sight are drawn", () => {
  expect(rowsInSight(400, 4_000, 500, 24)).toEqual([0, 400]);
  expect(rowsInSight(1_000, 2_400, 480, 24)).toEqual([90, 130]);
  expect(rowsInSight(1_000, 0, 480, 24)).toEqual([0, 30]);
  expect(rowsInSight(1_000, 24_000, 480, 24)[1]).toBe(1_000);
});

test("keys lead to rows that are there", () => {
  expect(rowAfter("ArrowDown", 0, 3, 10)).toBe(1);
  expect(rowAfter("ArrowDown", 2, 3, 10)).toBe(2);
  expect(rowAfter("PageUp", 2, 3, 10)).toBe(0);
  expect(rowAfter("End", 0, 3, 10)).toBe(2);
  expect(rowAfter("x", 0, 3, 10)).toBeUndefined();
  expect(rowAfter("End", 0, 0, 10)).toBeUndefined();
});

test("frames lie within their callers, also when they take longer together", () => {
  const frame = (place: string[], total_ms: number) => ({ place, total_ms, self_ms: 0, calls: 1, failed: 0 });
  const boxes = boxesOf([
    frame(["a"], 100),
    frame(["a", "b"], 50),
    frame(["a", "c"], 150),
    frame(["a", "c", "d", "e"], 30),
  ]);
  expect(boxes.map(({ frame: each, depth, left, width }) => [each.place.at(-1), depth, left, width])).toEqual([
    ["a", 0, 0, 1],
    ["c", 1, 0, 0.75],
    ["e", 3, 0, 0.15],
    ["b", 1, 0.75, 0.25],
  ]);
});
