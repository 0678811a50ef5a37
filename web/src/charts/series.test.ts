import { expect, test } from "vitest";
import { axisTime, bandOption, seriesOption } from "@/charts/series";

const at = (minute: number) => `2026-01-02T03:0${minute}:00.000Z`;
type Drawn = {
  name: string;
  data: unknown[][];
  connectNulls: boolean;
  showSymbol: boolean;
  stack?: string;
  type: string;
  markLine?: { data: { yAxis: number }[] };
};
const seriesOf = (option: object) => (option as { series: Drawn[] }).series;
const first = (option: object) => {
  const [found] = seriesOf(option);
  if (found === undefined) throw new Error("no series");
  return found;
};
const tells = (option: object, found: unknown) =>
  (option as { tooltip: { formatter(found: unknown): HTMLElement } }).tooltip.formatter(found).textContent;

test("what was not measured is a gap, neither zero nor bridged", () => {
  const points = [
    { at: at(0), value: 5 },
    { at: at(1), value: null },
    { at: at(2), value: 7 },
    { at: at(3), value: 8 },
  ];
  const line = first(seriesOption({ lines: [{ name: "p95", points }], unit: "ms", zone: "utc" }));
  expect(line.data.map((each) => each[1])).toEqual([5, null, 7, 8]);
  expect(line.data[0]?.[0]).toBe(Date.parse(at(0)));
  expect(line.connectNulls).toBe(false);
});

test("a point that stands alone is a dot, as it makes no line", () => {
  const drawn = (values: (number | null)[]) =>
    first(
      seriesOption({
        lines: [{ name: "a", points: values.map((value, place) => ({ at: at(place), value })) }],
        unit: "1",
        zone: "utc",
      }),
    ).showSymbol;
  expect(drawn([5])).toBe(true);
  expect(drawn([null, 5, null, 6, 7])).toBe(true);
  expect(drawn([5, 6, null])).toBe(false);
});

test("the pointer tells unit, samples, what is estimated and what is unknown", () => {
  const option = seriesOption({ lines: [], unit: "ms", zone: "utc" });
  const item = (seriesName: string, value: unknown[]) => ({ seriesName, color: "red", value, data: value });
  const text = tells(option, [
    item("kraken", [Date.parse(at(4)), 12, 30, true]),
    item("binance", [Date.parse(at(4)), null, null, false]),
  ]);
  expect(text).toContain("2026-01-02 03:04:00 UTC");
  expect(text).toContain("kraken12 ms30 samples, estimated");
  expect(text).toContain("binanceunknown");
});

test("the axis carries the unit, and the ends that were asked for", () => {
  const option = seriesOption({ lines: [], unit: "ratio", zone: "utc", from: at(0), to: at(9) }) as {
    yAxis: { axisLabel: { formatter(value: number): string } };
    xAxis: { min: number; max: number };
  };
  expect(option.yAxis.axisLabel.formatter(0.25)).toBe("25 %");
  expect([option.xAxis.min, option.xAxis.max]).toEqual([Date.parse(at(0)), Date.parse(at(9))]);
});

test("nothing to draw is no error", () => {
  expect(seriesOf(seriesOption({ lines: [], unit: "1", zone: "utc" }))).toEqual([]);
  expect(first(seriesOption({ lines: [{ name: "a", points: [] }], unit: "1", zone: "utc" })).data).toEqual([]);
});

test("bounds are drawn once, and what is stacked shares its stack", () => {
  const lines = ["a", "b"].map((name) => ({ name, points: [{ at: at(0), value: 1 }] }));
  const drawn = seriesOf(
    seriesOption({
      lines,
      unit: "ms",
      zone: "utc",
      shape: "bar",
      stacked: true,
      bounds: [{ value: 9, text: "bound" }],
    }),
  );
  expect(drawn.map((each) => [each.type, each.stack])).toEqual([
    ["bar", "all"],
    ["bar", "all"],
  ]);
  expect(drawn.map((each) => each.markLine?.data.map(({ yAxis }) => yAxis))).toEqual([[9], undefined]);
});

test("midnight is told as a day", () => {
  expect(axisTime(Date.parse("2026-01-02T00:00:00Z"), "utc")).toBe("01-02");
  expect(axisTime(Date.parse("2026-01-02T03:04:00Z"), "utc")).toBe("03:04");
  expect(axisTime(Date.parse("2026-01-02T03:04:05Z"), "utc")).toBe("03:04:05");
});

test("the band of a forecast stands on its lower end", () => {
  const forecast = [{ at: at(1), value: 5, low: 4, high: 7 }];
  const drawn = seriesOf(bandOption({ past: [{ at: at(0), value: 3 }], forecast, unit: "usd", zone: "utc" }));
  const value = (name: string) => drawn.find((each) => each.name === name)?.data[0]?.[1];
  expect([value("spent"), value("low"), value("80 % band"), value("forecast")]).toEqual([3, 4, 3, 5]);
});
