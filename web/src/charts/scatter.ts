import type { EChartsCoreOption } from "echarts/core";
import { colourOf, STATUS_COLOURS } from "@/charts/colours";
import { timeAxis } from "@/charts/series";
import { tooltip } from "@/charts/tooltip";
import type { Zone } from "@/charts/types";
import { formatTick, formatTime, formatValue } from "@/format";

export type Dot = { id: string; at: string; value: number; name: string; failed: boolean };

/** Nothing is shorter than this on an axis of powers of ten. */
const LEAST = 0.001;

/** Things by their time and their size, by powers of ten; those that failed look otherwise. */
export function scatterOption(input: { dots: readonly Dot[]; unit: string; zone: Zone }): EChartsCoreOption {
  const { dots, unit, zone } = input;
  const times = dots.map((dot) => dot.at).sort();
  const groups = [
    { name: "ok or unknown", failed: false, colour: colourOf(0), symbol: "circle" },
    { name: "failed", failed: true, colour: STATUS_COLOURS.critical, symbol: "triangle" },
  ];
  return {
    animation: false,
    grid: { left: 8, right: 14, top: 30, bottom: 4, containLabel: true },
    legend: { type: "scroll", top: 0, left: 0, itemWidth: 12, itemHeight: 8 },
    xAxis: timeAxis(zone, times[0], times.at(-1)),
    yAxis: { type: "log", axisLabel: { formatter: (value: number) => formatTick(value, unit) } },
    tooltip: { trigger: "item", confine: true, formatter: (found: unknown) => told(found, unit, zone) },
    series: groups.map(({ name, failed, colour, symbol }) => ({
      type: "scatter",
      name,
      symbol,
      symbolSize: 8,
      color: colour,
      data: dots
        .filter((dot) => dot.failed === failed)
        .map((dot) => ({ id: dot.id, name: dot.name, value: [Date.parse(dot.at), Math.max(dot.value, LEAST)] })),
    })),
  };
}

function told(found: unknown, unit: string, zone: Zone): HTMLElement {
  const { data, seriesName, color } = found as {
    data: { name: string; value: [number, number] };
    seriesName: string;
    color: string;
  };
  const [at, value] = data.value;
  const row = { name: seriesName, value: formatValue(value, unit), colour: color };
  return tooltip(data.name, [row], [formatTime(new Date(at).toISOString(), zone)]);
}
