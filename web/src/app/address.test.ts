import { expect, test } from "vitest";
import { carried, readAddress, writeAddress } from "@/app/address";
import { field, instant } from "@/app/customrange";
import { asked, readRange } from "@/app/range";

test("an address is written and read as it was, without what is empty", () => {
  const address = { range: "7d", by: "model=a&b", from: undefined, zone: "" };
  expect(writeAddress(address)).toBe("?range=7d&by=model%3Da%26b");
  expect(readAddress(writeAddress(address))).toEqual({ range: "7d", by: "model=a&b" });
  expect(writeAddress({})).toBe("");
});

test("a link takes along what every page shares, and nothing else", () => {
  const along = carried({ range: "7d", environment: "staging", by: "model" });
  expect(writeAddress(along)).toBe("?range=7d&environment=staging");
});

test("a range is a window, or two times", () => {
  expect(readRange({})).toEqual({ range: "1h", environment: "production", zone: "utc" });
  expect(asked(readRange({ range: "24h" }))).toEqual({ window: "24h", environment: "production" });
  const from = "2026-01-02T03:00:00.000Z";
  const to = "2026-01-02T04:00:00.000Z";
  expect(readRange({ from, to, zone: "local" })).toMatchObject({ range: "custom", from, to, zone: "local" });
  expect(asked(readRange({ from, to }))).toEqual({ from, to, environment: "production" });
  expect(readRange({ from }).range).toBe("1h");
});

test("a time is typed in the zone that is shown", () => {
  expect(field("2026-01-02T03:04:05Z", "utc")).toBe("2026-01-02T03:04");
  expect(instant("2026-01-02T03:04", "utc")).toBe("2026-01-02T03:04:00.000Z");
  expect(instant(field("2026-01-02T03:04:00Z", "local"), "local")).toBe("2026-01-02T03:04:00.000Z");
  expect(instant("", "utc")).toBeUndefined();
  expect(field("no time", "utc")).toBe("");
});
