import { expect, test } from "vitest";
import { boundsOf, newest, swapped } from "@/pages/panels/bounds";

test("bounds that are one number are drawn, others are not", () => {
  expect(boundsOf({ warn: "> 0.05", crit: ">= 2e3" })).toEqual([
    { value: 0.05, text: "warning > 0.05" },
    { value: 2000, text: "critical >= 2e3" },
  ]);
  expect(boundsOf({ warn: "outside 1..2", crit: null })).toEqual([]);
  expect(boundsOf(undefined)).toEqual([]);
});

test("the newest value is the last that is known", () => {
  expect(newest([{ value: 1 }, { value: 2 }, { value: null }])).toEqual({ value: 2 });
  expect(newest([{ value: null }])).toBeUndefined();
});

test("neighbours change places", () => {
  expect(swapped(["a", "b", "c"], 0, 1)).toEqual(["b", "a", "c"]);
  expect(swapped(["a"], 0, 1)).toEqual(["a"]);
});
