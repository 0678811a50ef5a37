import type { EChartsCoreOption } from "echarts/core";
import { MARK_COLOURS } from "@/charts/colours";
import type { Mark } from "@/charts/types";

const LETTERS = { incident: "I", deployment: "D", flag: "F" } as const;

type Marked = { xAxis?: { type?: string; min?: number; max?: number }; series?: object | object[] };

/** The option with the marks added to its first series; only over time can something be marked. */
export function withMarks(option: EChartsCoreOption, marks: readonly Mark[]): EChartsCoreOption {
  const { xAxis, series } = option as Marked;
  if (xAxis?.type !== "time" || !Array.isArray(series) || series.length === 0 || marks.length === 0) return option;
  const [first, ...others] = series as { markLine?: { data?: object[] } }[];
  const inside = marks.filter((mark) => touches(mark, xAxis));
  const lines = inside.map((mark) => ({
    xAxis: Date.parse(mark.at),
    name: mark.text,
    href: mark.href,
    lineStyle: { color: MARK_COLOURS[mark.kind], type: "solid", width: 1, opacity: 0.75 },
    label: {
      formatter: LETTERS[mark.kind],
      position: "end",
      color: MARK_COLOURS[mark.kind],
      fontSize: 10,
      fontWeight: "bold",
      distance: 0,
    },
  }));
  const lasting = inside.filter((mark) => mark.kind === "incident");
  const areas = joined(lasting.map((mark) => [Date.parse(mark.at), endOf(mark, xAxis)])).map(([from, to]) => [
    { xAxis: from },
    { xAxis: to },
  ]);
  return {
    ...option,
    series: [
      {
        ...first,
        markLine: {
          symbol: "none",
          animation: false,
          ...first?.markLine,
          silent: false,
          data: [...(first?.markLine?.data ?? []), ...lines],
        },
        markArea: { silent: true, itemStyle: { color: MARK_COLOURS.incident, opacity: 0.07 }, data: areas },
      },
      ...others,
    ],
  };
}

/** Stretches that overlap as one: laid over each other they would hide what they mark. */
function joined(stretches: readonly [number, number][]): [number, number][] {
  const found: [number, number][] = [];
  for (const [from, to] of [...stretches].sort((a, b) => a[0] - b[0])) {
    const last = found.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else found.push([from, to]);
  }
  return found;
}

type Ends = { min?: number; max?: number };

/** An incident lasts from its beginning to its end, or until now; anything else is a moment. */
function touches(mark: Mark, { min = -Infinity, max = Infinity }: Ends): boolean {
  const at = Date.parse(mark.at);
  return at <= max && (mark.kind === "incident" ? endOf(mark, { max }) : at) >= min;
}

function endOf(mark: Mark, { max = Infinity }: Ends): number {
  return typeof mark.until === "string" ? Date.parse(mark.until) : max;
}
