import type { EChartsCoreOption } from "echarts/core";
import type { Line, Point, Zone } from "@/charts/types";
import { colourOf } from "@/charts/colours";
import { tooltip, type TooltipRow } from "@/charts/tooltip";
import { formatClock, formatDay, formatNumber, formatTick, formatTime, formatValue } from "@/format";

type Bound = { value: number; text: string };
export type SeriesInput = {
  lines: readonly Line[];
  unit: string;
  zone: Zone;
  shape?: "line" | "area" | "bar";
  stacked?: boolean;
  from?: string;
  to?: string;
  bounds?: readonly Bound[];
};
/** Milliseconds, value, samples, whether it is estimated. */
export type Datum = [number, number | null, number | null, boolean];

/** Lines, areas or bars over time. Where nothing was measured there is a gap. */
export function seriesOption(input: SeriesInput): EChartsCoreOption {
  const { lines, unit, zone, shape = "line", stacked = false, from, to, bounds = [] } = input;
  return {
    animation: false,
    grid: { left: 8, right: 14, top: lines.length > 1 ? 30 : 12, bottom: 4, containLabel: true },
    legend: lines.length > 1 ? { type: "scroll", top: 0, left: 0, itemWidth: 12, itemHeight: 8 } : { show: false },
    xAxis: timeAxis(zone, from, to),
    yAxis: {
      type: "value",
      min: ({ min }: { min: number }) => Math.min(0, min),
      max: mostOf(unit),
      axisLabel: { formatter: (value: number) => formatTick(value, unit) },
      splitNumber: 4,
    },
    tooltip: { trigger: "axis", confine: true, formatter: (found: unknown) => told(found, unit, zone) },
    series: lines.map((line, place) => ({
      type: shape === "bar" ? "bar" : "line",
      name: line.name,
      data: line.points.map(datum),
      color: line.colour ?? colourOf(place),
      showSymbol: lonely(line.points),
      symbolSize: 5,
      connectNulls: false,
      sampling: shape === "bar" ? undefined : "lttb",
      lineStyle: { width: 1.6, type: line.dashed === true ? "dashed" : "solid" },
      ...(shape === "area" ? { areaStyle: { opacity: stacked ? 0.55 : 0.15 } } : {}),
      ...(stacked ? { stack: "all" } : {}),
      ...(place === 0 && bounds.length > 0 ? { markLine: boundLines(bounds, unit) } : {}),
    })),
  };
}

/** What was, what is expected with its band, and the budget it is held against. */
export function bandOption(input: {
  past: readonly Point[];
  forecast: readonly { at: string; value: number; low: number; high: number }[];
  budgets?: readonly Bound[];
  unit: string;
  zone: Zone;
}): EChartsCoreOption {
  const { past, forecast, budgets = [], unit, zone } = input;
  const base = seriesOption({ lines: [{ name: "spent", points: past }], unit, zone, bounds: budgets });
  const [spent] = base.series as object[];
  const ms = (at: string) => Date.parse(at);
  const band = { type: "line", stack: "band", symbol: "none", lineStyle: { opacity: 0 }, silent: true };
  const most = Math.max(0, ...budgets.map((each) => each.value), ...forecast.map((each) => each.high));
  return {
    ...base,
    grid: { left: 8, right: 14, top: 30, bottom: 4, containLabel: true },
    legend: { top: 0, left: 0, data: ["spent", "forecast", "80 % band"] },
    yAxis: { ...(base.yAxis as object), max: most > 0 ? Math.ceil(most * 105) / 100 : undefined },
    series: [
      spent,
      { ...band, name: "low", data: forecast.map((each) => [ms(each.at), each.low]) },
      {
        ...band,
        name: "80 % band",
        color: colourOf(1),
        areaStyle: { opacity: 0.25 },
        data: forecast.map((each) => [ms(each.at), each.high - each.low]),
      },
      {
        type: "line",
        name: "forecast",
        color: colourOf(1),
        symbol: "none",
        lineStyle: { type: "dashed", width: 1.6 },
        data: forecast.map((each) => [ms(each.at), each.value]),
      },
    ],
  };
}

/** The end of a value axis: a share near the whole ends there, since there is nothing above it. */
export function mostOf(unit: string) {
  return ({ max }: { max: number }) => (unit === "ratio" && max > 0.8 && max <= 1 ? 1 : null);
}

export function timeAxis(zone: Zone, from?: string, to?: string) {
  return {
    type: "time",
    ...(from === undefined ? {} : { min: Date.parse(from) }),
    ...(to === undefined ? {} : { max: Date.parse(to) }),
    axisLabel: { hideOverlap: true, formatter: (ms: number) => axisTime(ms, zone) },
    splitNumber: 6,
  };
}

/** The clock, and at midnight the day. */
export function axisTime(ms: number, zone: Zone): string {
  const iso = new Date(ms).toISOString();
  const clock = formatClock(iso, zone);
  if (clock === "00:00:00") return formatDay(iso, zone).slice(5);
  return clock.endsWith(":00") ? clock.slice(0, 5) : clock;
}

export function datum(point: Point): Datum {
  return [Date.parse(point.at), point.value, point.samples ?? null, point.estimated === true];
}

/** A point between two gaps has no line to be seen by. */
function lonely(points: readonly Point[]): boolean {
  return points.some(
    ({ value }, place) =>
      value !== null && (points[place - 1]?.value ?? null) === null && (points[place + 1]?.value ?? null) === null,
  );
}

function boundLines(bounds: readonly Bound[], unit: string) {
  return {
    silent: true,
    symbol: "none",
    lineStyle: { type: "dashed", width: 1, color: "#d55e00" },
    label: { position: "insideEndTop", fontSize: 10, color: "inherit" },
    data: bounds.map(({ value, text }) => ({
      yAxis: value,
      label: { formatter: `${text} ${formatValue(value, unit)}` },
    })),
  };
}

type Hovered = { seriesName: string; color: string; data: Datum; value: Datum };

function told(found: unknown, unit: string, zone: Zone): HTMLElement {
  const hovered = (Array.isArray(found) ? found : [found]) as Hovered[];
  const at = hovered[0]?.value[0];
  const rows = hovered
    .filter(({ seriesName }) => seriesName !== "low")
    .map(({ seriesName, color, value }): TooltipRow => {
      const notes = [
        value[2] === null || value[2] === undefined ? "" : `${formatNumber(value[2])} samples`,
        value[3] ? "estimated" : "",
      ];
      const note = notes.filter((each) => each !== "").join(", ");
      return { name: seriesName, value: formatValue(value[1], unit), colour: color, ...(note === "" ? {} : { note }) };
    });
  return tooltip(at === undefined ? "" : formatTime(new Date(at).toISOString(), zone), rows);
}
