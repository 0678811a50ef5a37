import { expect, test } from "vitest";
import { GROUPS, PAGES, printed } from "@/pages";

test("no two pages share an address, a key or a name", () => {
  for (const values of [
    PAGES.flatMap((page) => page.paths),
    PAGES.map((page) => page.key),
    PAGES.map((page) => page.id),
  ]) {
    expect(new Set(values).size).toBe(values.length);
  }
});

test("every group has pages, and g itself is no page's key", () => {
  expect(new Set(PAGES.map((page) => page.group))).toEqual(new Set(GROUPS));
  expect(PAGES.some((page) => page.key === "g")).toBe(false);
});

test("the list can be printed", () => {
  expect(printed().split("\n")).toContain("/incidents/$incidentId");
});
