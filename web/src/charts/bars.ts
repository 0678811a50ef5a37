import type { EChartsCoreOption } from "echarts/core";
import { colourOf } from "@/charts/colours";
import { mostOf } from "@/charts/series";
import { tooltip } from "@/charts/tooltip";
import { formatNumber, formatPercent, formatTick, formatValue, formatDuration } from "@/format";

export type Bar = { name: string; value: number | null; colour?: string; low?: number | null; high?: number | null };

/** The height of a label at a line. */
const LABEL_PX = 13;
const GRID = { left: 8, right: 18, top: 10, bottom: 4, containLabel: true };

/** A bar for each thing, lying, the first at the top; what its interval is, as a whisker. */
export function barsOption({ rows, unit }: { rows: readonly Bar[]; unit: string }): EChartsCoreOption {
  const whiskers = rows.flatMap((row, place) =>
    isNumber(row.low) && isNumber(row.high) ? [[row.low, row.high, place]] : [],
  );
  return {
    animation: false,
    grid: GRID,
    xAxis: {
      type: "value",
      max: mostOf(unit),
      axisLabel: { formatter: (value: number) => formatTick(value, unit), hideOverlap: true },
    },
    yAxis: {
      type: "category",
      inverse: true,
      data: rows.map((row) => row.name),
      axisLabel: { width: 150, overflow: "truncate" },
    },
    tooltip: {
      trigger: "axis",
      axisPointer: { type: "shadow" },
      confine: true,
      formatter: (found: unknown) => toldBar(found, rows, unit),
    },
    series: [
      {
        type: "bar",
        barMaxWidth: 18,
        data: rows.map((row, place) => ({ value: row.value, itemStyle: { color: row.colour ?? colourOf(place) } })),
      },
      ...(whiskers.length > 0
        ? [{ type: "custom", silent: true, renderItem: whisker, data: whiskers, encode: { x: [0, 1], y: 2 } }]
        : []),
    ],
  };
}

type Api = { value(place: number): number; coord(at: [number, number]): [number, number] };

/** A line from the lower to the upper end, with a stroke at both. */
function whisker(_: unknown, api: Api) {
  const [low, y] = api.coord([api.value(0), api.value(2)]);
  const [high] = api.coord([api.value(1), api.value(2)]);
  const stroke = (x1: number, y1: number, x2: number, y2: number) => ({
    type: "line",
    shape: { x1, y1, x2, y2 },
    style: { stroke: "#8a949e", lineWidth: 1.5 },
  });
  return {
    type: "group",
    children: [stroke(low, y, high, y), stroke(low, y - 4, low, y + 4), stroke(high, y - 4, high, y + 4)],
  };
}

function toldBar(found: unknown, rows: readonly Bar[], unit: string): HTMLElement {
  const place = (found as { dataIndex: number }[])[0]?.dataIndex ?? 0;
  const row = rows[place];
  if (row === undefined) return tooltip("", []);
  const interval =
    isNumber(row.low) && isNumber(row.high)
      ? [`95 %: ${formatValue(row.low, unit)} to ${formatValue(row.high, unit)}`]
      : [];
  return tooltip(row.name, [{ name: "", value: formatValue(row.value, unit) }], interval);
}

/** Several values for each of several things, beside each other or stacked. */
export function groupedBarsOption(input: {
  categories: readonly string[];
  groups: readonly { name: string; values: readonly (number | null)[] }[];
  unit: string;
  stacked?: boolean;
}): EChartsCoreOption {
  const { categories, groups, unit, stacked = false } = input;
  return {
    animation: false,
    grid: { ...GRID, top: 30 },
    legend: { type: "scroll", top: 0, left: 0, itemWidth: 12, itemHeight: 8 },
    xAxis: { type: "value", axisLabel: { formatter: (value: number) => formatTick(value, unit), hideOverlap: true } },
    yAxis: { type: "category", inverse: true, data: [...categories], axisLabel: { width: 150, overflow: "truncate" } },
    tooltip: {
      trigger: "axis",
      axisPointer: { type: "shadow" },
      confine: true,
      formatter: (found: unknown) => toldGroup(found, unit),
    },
    series: groups.map((group, place) => ({
      type: "bar",
      name: group.name,
      barMaxWidth: 18,
      color: colourOf(place),
      data: [...group.values],
      ...(stacked ? { stack: "all" } : {}),
    })),
  };
}

function toldGroup(found: unknown, unit: string): HTMLElement {
  const hovered = found as { name: string; seriesName: string; value: number | null; color: string }[];
  const rows = hovered.map(({ seriesName, value, color }) => ({
    name: seriesName,
    value: formatValue(value, unit),
    colour: color,
  }));
  return tooltip(hovered[0]?.name ?? "", rows);
}

export type Bucket = { from: number | null; to: number | null; count: number };

/** How often values fell into each range. An end that is null is open. */
export function histogramOption(input: {
  groups: readonly { name: string; buckets: readonly Bucket[] }[];
  unit: string;
  /** Values to be pointed at, such as a percentile: the range that holds one is marked. */
  lines?: readonly { value: number; text: string }[];
}): EChartsCoreOption {
  const { groups, unit, lines = [] } = input;
  const ranges = [
    ...new Map(groups.flatMap((group) => group.buckets).map((bucket) => [rangeOf(bucket, unit), bucket])).entries(),
  ]
    .sort(([, a], [, b]) => (a.from ?? -Infinity) - (b.from ?? -Infinity) || (a.to ?? Infinity) - (b.to ?? Infinity))
    .map(([name]) => name);
  return {
    animation: false,
    grid: { ...GRID, top: (groups.length > 1 ? 30 : 10) + lines.length * LABEL_PX },
    legend: groups.length > 1 ? { type: "scroll", top: 0, left: 0, itemWidth: 12, itemHeight: 8 } : { show: false },
    xAxis: { type: "category", data: ranges, axisLabel: { hideOverlap: true, fontSize: 10 } },
    yAxis: { type: "value", minInterval: 1, axisLabel: { formatter: (value: number) => formatTick(value, "1") } },
    tooltip: {
      trigger: "axis",
      axisPointer: { type: "shadow" },
      confine: true,
      formatter: (found: unknown) => toldGroup(found, "1"),
    },
    series: groups.map((group, place) => {
      const counts = new Map(group.buckets.map((bucket) => [rangeOf(bucket, unit), bucket.count]));
      const pointed = place === 0 && lines.length > 0 ? { markLine: pointers(lines, group.buckets, unit) } : {};
      return {
        type: "bar",
        name: group.name,
        color: colourOf(place),
        barCategoryGap: "8%",
        data: ranges.map((range) => counts.get(range) ?? 0),
        ...pointed,
      };
    }),
  };
}

/** A line at each range that holds a value; each says its text a line higher than the one before. */
function pointers(lines: readonly { value: number; text: string }[], buckets: readonly Bucket[], unit: string) {
  const texts = new Map<string, string[]>();
  for (const { value, text } of lines) {
    const within = buckets.find(({ from, to }) => value > (from ?? -Infinity) && value <= (to ?? Infinity));
    if (within === undefined) continue;
    const range = rangeOf(within, unit);
    texts.set(range, [...(texts.get(range) ?? []), `${text} ${formatValue(value, unit)}`]);
  }
  const data = [...texts].map(([range, all], place) => ({
    xAxis: range,
    label: { formatter: all.join(", "), distance: 4 + place * LABEL_PX },
  }));
  return {
    silent: true,
    symbol: "none",
    lineStyle: { type: "dashed", color: "#d55e00" },
    label: { fontSize: 10, color: "inherit" },
    data,
  };
}

export function rangeOf({ from, to }: Bucket, unit: string): string {
  if (from === null && to === null) return "all";
  if (from === null) return `≤ ${formatValue(to, unit)}`;
  if (to === null) return `> ${formatValue(from, unit)}`;
  return `${formatTick(from, unit)} – ${formatValue(to, unit)}`;
}

/** Parts that add up: each begins where the one before ended; the sum stands last. */
export function cascadeOption(input: {
  parts: readonly { name: string; value: number | null }[];
  total?: string;
  unit: string;
}): EChartsCoreOption {
  const { parts, total = "sum", unit } = input;
  let sum = 0;
  const steps = parts.map(({ name, value }) => {
    const from = sum;
    sum += value ?? 0;
    return { name, value, from: Math.min(from, sum), to: Math.max(from, sum), falls: sum < from };
  });
  // Of a part that nobody knows the sum is not known either.
  const known = parts.every(({ value }) => value !== null);
  const end = {
    name: known ? total : `${total}: unknown`,
    value: known ? sum : null,
    from: Math.min(0, sum),
    to: known ? Math.max(0, sum) : 0,
    falls: false,
  };
  const all = [...steps, end];
  return {
    animation: false,
    grid: GRID,
    xAxis: {
      type: "category",
      data: all.map((step) => step.name),
      axisLabel: { interval: 0, width: 90, overflow: "break", fontSize: 11 },
    },
    yAxis: { type: "value", axisLabel: { formatter: (value: number) => formatTick(value, unit) } },
    tooltip: { trigger: "item", confine: true, formatter: (found: unknown) => toldStep(found, all, unit) },
    series: [
      {
        type: "custom",
        renderItem: block,
        encode: { x: 0, y: [1, 2] },
        data: all.map((step, place) => [place, step.from, step.to, place === all.length - 1 ? 2 : step.falls ? 1 : 0]),
      },
    ],
  };
}

type BlockApi = Api & { size(at: [number, number]): [number, number] };

function block(_: unknown, api: BlockApi) {
  const [x, top] = api.coord([api.value(0), api.value(2)]);
  const [, bottom] = api.coord([api.value(0), api.value(1)]);
  const width = Math.min(60, api.size([1, 0])[0] * 0.6);
  const fill = ["#d55e00", "#009e73", "#0072b2"][api.value(3)];
  return {
    type: "rect",
    shape: { x: x - width / 2, y: top, width, height: Math.max(1, bottom - top) },
    style: { fill },
  };
}

function toldStep(found: unknown, all: readonly { name: string; value: number | null }[], unit: string): HTMLElement {
  const step = all[(found as { dataIndex: number }).dataIndex];
  return tooltip(step?.name ?? "", [{ name: "", value: formatValue(step?.value, unit) }]);
}

export type Step = { name: string; count: number | null; drop_ratio?: number | null; delay_s?: number | null };

/** What is left after each step. Widths go by the counts; a step that nobody counted is left out and named beside. */
export function funnelOption({ steps }: { steps: readonly Step[] }): EChartsCoreOption {
  const known = steps.filter((step): step is Step & { count: number } => step.count !== null);
  const most = Math.max(1, ...known.map((step) => step.count));
  return {
    animation: false,
    tooltip: { trigger: "item", confine: true, formatter: (found: unknown) => toldFunnel(found, known, most) },
    series: [
      {
        type: "funnel",
        sort: "none",
        left: 8,
        right: 150,
        top: 6,
        bottom: 6,
        min: 0,
        max: most,
        minSize: "2%",
        gap: 2,
        label: {
          position: "right",
          fontSize: 11,
          formatter: ({ dataIndex }: { dataIndex: number }) => nameOf(known[dataIndex]),
        },
        data: known.map((step, place) => ({
          name: step.name,
          value: step.count,
          itemStyle: { color: colourOf(place), borderWidth: 0 },
        })),
      },
    ],
  };
}

function nameOf(step: (Step & { count: number }) | undefined): string {
  return step === undefined ? "" : `${step.name}: ${formatNumber(step.count)}`;
}

function toldFunnel(found: unknown, steps: readonly (Step & { count: number })[], most: number): HTMLElement {
  const step = steps[(found as { dataIndex: number }).dataIndex];
  if (step === undefined) return tooltip("", []);
  const rows = [
    { name: "count", value: formatNumber(step.count) },
    { name: "of the most", value: formatPercent(step.count / most) },
  ];
  const note = hopNote(step.drop_ratio, step.delay_s);
  return tooltip(step.name, rows, note === "" ? [] : [note]);
}

/** A note such as `12 % dropped, 3.2 s later`. */
export function hopNote(drop: number | null | undefined, delayS: number | null | undefined): string {
  const dropped = isNumber(drop) ? `${formatPercent(drop)} dropped` : "";
  const later = isNumber(delayS) ? `${formatDuration(delayS)} later` : "";
  return [dropped, later].filter((each) => each !== "").join(", ");
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
