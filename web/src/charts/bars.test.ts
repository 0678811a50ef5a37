import { expect, test } from "vitest";
import {
  barsOption,
  cascadeOption,
  funnelOption,
  groupedBarsOption,
  histogramOption,
  hopNote,
  rangeOf,
} from "@/charts/bars";

type Drawn = {
  type: string;
  name?: string;
  data: unknown[];
  stack?: string;
  markLine?: { data: { xAxis: string; label: { formatter: string } }[] };
};
const seriesOf = (option: object) => (option as { series: Drawn[] }).series;
const tells = (option: object, found: unknown) =>
  (option as { tooltip: { formatter(found: unknown): HTMLElement } }).tooltip.formatter(found).textContent;

test("an interval becomes a whisker, and only where both of its ends are known", () => {
  const rows = [
    { name: "a", value: 2, low: 1, high: 3 },
    { name: "b", value: 4, low: null, high: 5 },
    { name: "c", value: 6, low: 5, high: 8 },
  ];
  const option = barsOption({ rows, unit: "ratio" });
  const [bars, whiskers] = seriesOf(option);
  expect(bars?.data).toHaveLength(3);
  expect(whiskers?.type).toBe("custom");
  expect(whiskers?.data).toEqual([
    [1, 3, 0],
    [5, 8, 2],
  ]);
  expect(seriesOf(barsOption({ rows: [{ name: "a", value: 2 }], unit: "1" }))).toHaveLength(1);
});

test("a whisker has a line and a stroke at both ends", () => {
  const option = barsOption({ rows: [{ name: "a", value: 2, low: 1, high: 3 }], unit: "1" });
  const whisker = seriesOf(option)[1] as unknown as {
    renderItem(params: unknown, api: unknown): { children: { shape: object }[] };
  };
  const api = { value: (place: number) => [1, 3, 0][place], coord: ([x, y]: number[]) => [(x ?? 0) * 10, y ?? 0] };
  expect(whisker.renderItem({}, api).children.map((each) => each.shape)).toEqual([
    { x1: 10, y1: 0, x2: 30, y2: 0 },
    { x1: 10, y1: -4, x2: 10, y2: 4 },
    { x1: 30, y1: -4, x2: 30, y2: 4 },
  ]);
});

test("a bar without a value is none, and the pointer says unknown", () => {
  const option = barsOption({
    rows: [
      { name: "a", value: null },
      { name: "b", value: 0.5, low: 0.4, high: 0.6 },
    ],
    unit: "ratio",
  });
  expect(seriesOf(option)[0]?.data[0]).toMatchObject({ value: null });
  expect(tells(option, [{ dataIndex: 0 }])).toBe("aunknown");
  expect(tells(option, [{ dataIndex: 1 }])).toContain("40 % to 60 %");
  expect(tells(barsOption({ rows: [], unit: "1" }), [])).toBe("");
});

test("groups keep what is unknown, and stack when told", () => {
  const groups = [{ name: "now", values: [1, null] }];
  const [drawn] = seriesOf(groupedBarsOption({ categories: ["x", "y"], groups, unit: "usd", stacked: true }));
  expect(drawn).toMatchObject({ name: "now", data: [1, null], stack: "all" });
  expect(seriesOf(groupedBarsOption({ categories: [], groups: [], unit: "1" }))).toEqual([]);
});

test("ranges stand in their order, open ends outermost, and hold the value that is pointed at", () => {
  const buckets = [
    { from: 10, to: null, count: 1 },
    { from: null, to: 5, count: 4 },
    { from: 5, to: 10, count: 9 },
  ];
  const option = histogramOption({ groups: [{ name: "a", buckets }], unit: "ms", lines: [{ value: 7, text: "p50" }] });
  const axis = (option as { xAxis: { data: string[] } }).xAxis.data;
  expect(axis).toEqual(["≤ 5 ms", "5 ms – 10 ms", "> 10 ms"]);
  const [drawn] = seriesOf(option);
  expect(drawn?.data).toEqual([4, 9, 1]);
  expect(drawn?.markLine?.data).toMatchObject([{ xAxis: "5 ms – 10 ms", label: { formatter: "p50 7 ms" } }]);
  expect(rangeOf({ from: null, to: null, count: 0 }, "ms")).toBe("all");
  expect(seriesOf(histogramOption({ groups: [], unit: "ms" }))).toEqual([]);
});

test("parts begin where the one before ended, and the sum stands last", () => {
  const option = cascadeOption({
    parts: [
      { name: "spread", value: 5 },
      { name: "gain", value: -2 },
    ],
    total: "all",
    unit: "bps",
  });
  expect(seriesOf(option)[0]?.data).toEqual([
    [0, 0, 5, 0],
    [1, 3, 5, 1],
    [2, 0, 3, 2],
  ]);
  expect(tells(option, { dataIndex: 2 })).toBe("all3 bps");
});

test("a step that nobody counted is left out, and a hop is told in words", () => {
  const option = funnelOption({
    steps: [
      { name: "sent", count: 100 },
      { name: "seen", count: null },
      { name: "done", count: 25, drop_ratio: 0.75, delay_s: 3 },
    ],
  });
  expect(seriesOf(option)[0]?.data).toMatchObject([
    { name: "sent", value: 100 },
    { name: "done", value: 25 },
  ]);
  expect(tells(option, { dataIndex: 1 })).toContain("75 % dropped, 3 s later");
  expect(hopNote(null, undefined)).toBe("");
});

test("values in one range share a line, and lines in others are labelled above each other", () => {
  const buckets = [
    { from: 0, to: 5, count: 4 },
    { from: 5, to: 10, count: 9 },
  ];
  const lines = [
    { value: 1, text: "p50" },
    { value: 2, text: "p90" },
    { value: 7, text: "p99" },
  ];
  const [drawn] = seriesOf(histogramOption({ groups: [{ name: "a", buckets }], unit: "ms", lines }));
  const labels = drawn?.markLine?.data.map(({ label }) => label) as { formatter: string; distance: number }[];
  expect(labels.map(({ formatter }) => formatter)).toEqual(["p50 1 ms, p90 2 ms", "p99 7 ms"]);
  expect(labels[1]?.distance).toBeGreaterThan(labels[0]?.distance ?? Infinity);
});

test.each([
  ["ratio", 0.97, 1],
  ["ratio", 0.3, null],
  ["ratio", 1.2, null],
  ["ms", 0.97, null],
])("an axis of %s up to %d ends at %s", (unit, max, end) => {
  const option = barsOption({ rows: [], unit }) as { xAxis: { max(found: { max: number }): number | null } };
  expect(option.xAxis.max({ max })).toBe(end);
});
