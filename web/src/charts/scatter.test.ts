import { expect, test } from "vitest";
import { scatterOption } from "@/charts/scatter";

type Drawn = { name: string; data: { id: string; value: [number, number] }[] };
const dots = [
  { id: "a", at: "2026-01-02T03:04:05Z", value: 12, name: "orders place", failed: false },
  { id: "b", at: "2026-01-02T03:04:01Z", value: 0, name: "orders cancel", failed: true },
];

test("what failed is a group of its own, and nothing is lost on an axis of powers of ten", () => {
  const option = scatterOption({ dots, unit: "ms", zone: "utc" }) as unknown as { series: Drawn[]; xAxis: object };
  expect(option.series.map(({ name, data }) => [name, data.map(({ id }) => id)])).toEqual([
    ["ok or unknown", ["a"]],
    ["failed", ["b"]],
  ]);
  expect(option.series[1]?.data[0]?.value[1]).toBeGreaterThan(0);
  expect(option.xAxis).toMatchObject({ min: Date.parse(dots[1]?.at ?? ""), max: Date.parse(dots[0]?.at ?? "") });
});

test("a dot tells what it is, how long it took and when", () => {
  const option = scatterOption({ dots, unit: "ms", zone: "utc" }) as unknown as {
    tooltip: { formatter(found: unknown): HTMLElement };
    series: Drawn[];
  };
  const [first] = option.series;
  const told = option.tooltip.formatter({ data: first?.data[0], seriesName: first?.name, color: "red" }).textContent;
  expect(told).toBe("orders placeok or unknown12 ms2026-01-02 03:04:05 UTC");
});

test("without dots there is an empty picture", () => {
  const { series } = scatterOption({ dots: [], unit: "ms", zone: "utc" }) as unknown as { series: Drawn[] };
  expect(series.every(({ data }) => data.length === 0)).toBe(true);
});
