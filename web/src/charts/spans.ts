import type { EChartsCoreOption } from "echarts/core";
import { colourOf } from "@/charts/colours";
import { tooltip } from "@/charts/tooltip";
import { formatMilliseconds, formatTick } from "@/format";

export type SpanBar = {
  id: string;
  parent: string;
  name: string;
  service: string;
  start_ms: number;
  duration_ms: number;
  error?: boolean;
  critical?: boolean;
};

const ROW_PX = 20;
const FAILED = "#d7263d";

/** As high as it takes to show so many spans. */
export function waterfallHeight(count: number): number {
  return Math.min(2_000, 50 + count * ROW_PX);
}

/** A bar for each span, a row each, in the order given; a frame round those of the critical path. */
export function waterfallOption({ spans }: { spans: readonly SpanBar[] }): EChartsCoreOption {
  return rowsOption(
    spans,
    spans.map((_, place) => place),
  );
}

/** A bar for each span, a row for each depth. */
export function flameOption({ spans }: { spans: readonly SpanBar[] }): EChartsCoreOption {
  const parents = new Map(spans.map((span) => [span.id, span.parent]));
  return rowsOption(
    spans,
    spans.map((span) => depthOf(span.id, parents)),
  );
}

/** How many of its ancestors are there; spans that are each other's parents are cut off. */
function depthOf(id: string, parents: ReadonlyMap<string, string>): number {
  let depth = 0;
  for (let at = parents.get(id); at !== undefined && parents.has(at) && depth < parents.size; at = parents.get(at))
    depth += 1;
  return depth;
}

function rowsOption(spans: readonly SpanBar[], rows: readonly number[]): EChartsCoreOption {
  const services = [...new Set(spans.map((span) => span.service))];
  const last = Math.max(0, ...rows);
  return {
    animation: false,
    grid: { left: 8, right: 18, top: 24, bottom: 4, containLabel: true },
    xAxis: {
      type: "value",
      min: 0,
      position: "top",
      axisLabel: { formatter: (value: number) => formatTick(value, "ms"), hideOverlap: true },
    },
    yAxis: { type: "value", inverse: true, min: 0, max: last + 1, show: false },
    tooltip: { confine: true, formatter: (found: unknown) => told(found, spans) },
    series: [
      {
        type: "custom",
        renderItem: bar,
        encode: { x: [0, 1], y: 2 },
        data: spans.map((span, place) => ({
          id: span.id,
          name: `${span.service}: ${span.name}`,
          value: [span.start_ms, span.start_ms + span.duration_ms, rows[place], span.critical === true ? 1 : 0],
          itemStyle: { color: span.error === true ? FAILED : colourOf(services.indexOf(span.service)) },
        })),
      },
    ],
  };
}

type Api = {
  value(place: number): number;
  coord(at: [number, number]): [number, number];
  size(at: [number, number]): [number, number];
  visual(name: string): string;
};

function bar(_: unknown, api: Api) {
  const [x, y] = api.coord([api.value(0), api.value(2)]);
  const [end] = api.coord([api.value(1), api.value(2)]);
  const height = Math.max(2, (api.size([0, 1])[1] ?? ROW_PX) - 3);
  const frame = api.value(3) === 1 ? { stroke: "#e69f00", lineWidth: 2 } : {};
  return {
    type: "rect",
    shape: { x, y, width: Math.max(1, end - x), height },
    style: { fill: api.visual("color"), ...frame },
  };
}

function told(found: unknown, spans: readonly SpanBar[]): HTMLElement {
  const span = spans[(found as { dataIndex: number }).dataIndex];
  if (span === undefined) return tooltip("", []);
  const notes = [span.error === true ? "failed" : "", span.critical === true ? "on the critical path" : ""].filter(
    (each) => each !== "",
  );
  return tooltip(
    `${span.service}: ${span.name}`,
    [
      { name: "lasted", value: formatMilliseconds(span.duration_ms) },
      { name: "after", value: formatMilliseconds(span.start_ms) },
    ],
    notes,
  );
}
