import type { EChartsCoreOption } from "echarts/core";
import { colourOf, STATUS_COLOURS } from "@/charts/colours";
import { tooltip } from "@/charts/tooltip";
import { formatNumber, formatPercent, formatValue } from "@/format";

export type Node = { name: string; value: number; children?: Node[] };

/** Areas by size; what is not above zero has no area and is left out. */
export function treemapOption({ nodes, unit }: { nodes: readonly Node[]; unit: string }): EChartsCoreOption {
  const seen = nodes.filter((node) => node.value > 0);
  const sum = seen.reduce((before, node) => before + node.value, 0);
  return {
    animation: false,
    tooltip: {
      confine: true,
      formatter: (found: unknown) => {
        const { name, value } = found as { name: string; value: number };
        return tooltip(name, [
          { name: "", value: formatValue(value, unit), note: sum > 0 ? formatPercent(value / sum) : "" },
        ]);
      },
    },
    series: [
      {
        type: "treemap",
        roam: false,
        nodeClick: false,
        breadcrumb: { show: false },
        left: 0,
        right: 0,
        top: 0,
        bottom: 0,
        label: {
          fontSize: 11,
          lineHeight: 15,
          formatter: ({ name, value }: { name: string; value: number }) => `${name}\n${formatValue(value, unit)}`,
        },
        itemStyle: { gapWidth: 2, borderWidth: 0 },
        data: seen.map((node, place) => ({ ...node, itemStyle: { color: colourOf(place) } })),
      },
    ],
  };
}

export type Bin = { said: number; true_: number | null; low?: number | null; high?: number | null; samples: number };

/** How often those were right who said they were so sure. On the diagonal sureness and truth are the same. */
export function reliabilityOption({
  curves,
}: {
  curves: readonly { name: string; bins: readonly Bin[] }[];
}): EChartsCoreOption {
  const percent = (value: number) => formatPercent(value);
  const axis = { type: "value", min: 0, max: 1, axisLabel: { formatter: percent } };
  return {
    animation: false,
    grid: { left: 8, right: 18, top: 30, bottom: 20, containLabel: true },
    legend: { type: "scroll", top: 0, left: 0, itemWidth: 12, itemHeight: 8, data: curves.map((curve) => curve.name) },
    xAxis: { ...axis, name: "said", nameLocation: "middle", nameGap: 24 },
    yAxis: { ...axis, name: "held" },
    tooltip: { trigger: "item", confine: true, formatter: toldBin },
    series: [
      {
        type: "line",
        name: "as said",
        silent: true,
        symbol: "none",
        color: "#8a949e",
        lineStyle: { type: "dashed", width: 1 },
        data: [
          [0, 0],
          [1, 1],
        ],
      },
      ...curves.map((curve, place) => ({
        type: "line",
        name: curve.name,
        color: colourOf(place),
        connectNulls: false,
        symbolSize: (value: number[]) => Math.min(16, 4 + Math.sqrt(value[2] ?? 0)),
        data: curve.bins.map((bin) => [bin.said, bin.true_, bin.samples, bin.low ?? null, bin.high ?? null]),
      })),
      ...curves.map((curve, place) => ({
        type: "custom",
        name: `${curve.name}: 95 %`,
        silent: true,
        color: colourOf(place),
        renderItem: interval,
        encode: { x: 0, y: [1, 2] },
        data: curve.bins.flatMap((bin) =>
          typeof bin.low === "number" && typeof bin.high === "number" ? [[bin.said, bin.low, bin.high]] : [],
        ),
      })),
    ],
  };
}

type Api = {
  value(place: number): number;
  coord(at: [number, number]): [number, number];
  visual(name: string): string;
};

/** A thin line from the lower to the upper end. */
function interval(_: unknown, api: Api) {
  const [x1, y1] = api.coord([api.value(0), api.value(1)]);
  const [x2, y2] = api.coord([api.value(0), api.value(2)]);
  return {
    type: "line",
    shape: { x1, y1, x2, y2 },
    style: { stroke: api.visual("color"), lineWidth: 1, opacity: 0.5 },
  };
}

function toldBin(found: unknown): HTMLElement {
  const { seriesName, color, value } = found as { seriesName: string; color: string; value: (number | null)[] };
  const [said, held, samples, low, high] = value;
  const rows = [
    { name: "said", value: formatValue(said, "ratio"), colour: color },
    { name: "held", value: formatValue(held, "ratio"), note: `${formatNumber(samples ?? 0)} samples` },
  ];
  const interval =
    typeof low === "number" && typeof high === "number"
      ? [`95 %: ${formatPercent(low)} to ${formatPercent(high)}`]
      : [];
  return tooltip(seriesName, rows, interval);
}

export type MapNode = { id: string; name: string; status: string | null; group: string | null };
export type MapEdge = {
  from: string;
  to: string;
  rate?: number | null;
  error_rate?: number | null;
  p95_ms?: number | null;
};

/** Services on rings by their group, and who calls whom. Edges are as thick as they are used, red where calls fail. */
export function serviceMapOption({
  nodes,
  edges,
}: {
  nodes: readonly MapNode[];
  edges: readonly MapEdge[];
}): EChartsCoreOption {
  const known = new Set(nodes.map((node) => node.id));
  const most = Math.max(1, ...edges.map((edge) => edge.rate ?? 0));
  const places = rings(nodes);
  return {
    animation: false,
    tooltip: { confine: true, formatter: (found: unknown) => toldMap(found) },
    series: [
      {
        type: "graph",
        layout: "none",
        roam: true,
        edgeSymbol: ["none", "arrow"],
        edgeSymbolSize: 6,
        label: {
          show: true,
          position: "right",
          fontSize: 9,
          formatter: ({ data }: { data: { title: string } }) => data.title,
        },
        labelLayout: { hideOverlap: true },
        emphasis: { focus: "adjacency" },
        data: nodes.map((node) => ({
          id: node.id,
          name: node.id,
          title: node.name,
          told: node,
          ...places.get(node.id),
          symbolSize: 12,
          itemStyle: { color: STATUS_COLOURS[node.status ?? "unknown"] ?? STATUS_COLOURS.unknown },
        })),
        edges: edges
          .filter((edge) => known.has(edge.from) && known.has(edge.to))
          .map((edge) => ({
            source: edge.from,
            target: edge.to,
            told: edge,
            lineStyle: {
              width: 0.8 + 3 * Math.sqrt((edge.rate ?? 0) / most),
              color: (edge.error_rate ?? 0) > 0.05 ? STATUS_COLOURS.critical : "#8a949e",
              opacity: 0.45,
              curveness: 0.12,
            },
          })),
      },
    ],
  };
}

/** A ring for each group round a common middle, so that the picture is the same each time. */
function rings(nodes: readonly MapNode[]): Map<string, { x: number; y: number }> {
  const groups = [...new Set(nodes.map((node) => node.group))];
  const placed = new Map<string, { x: number; y: number }>();
  groups.forEach((group, at) => {
    const middle = {
      x: 420 * Math.cos((2 * Math.PI * at) / groups.length),
      y: 260 * Math.sin((2 * Math.PI * at) / groups.length),
    };
    const members = nodes.filter((node) => node.group === group);
    members.forEach((node, place) => {
      const turn = (2 * Math.PI * place) / members.length;
      const radius = members.length === 1 ? 0 : 26 + 7 * members.length;
      placed.set(node.id, { x: middle.x + radius * Math.cos(turn), y: middle.y + 0.75 * radius * Math.sin(turn) });
    });
  });
  return placed;
}

function toldMap(found: unknown): HTMLElement {
  const { dataType, data } = found as { dataType: string; data: { told: MapNode & MapEdge } };
  const { told } = data;
  if (dataType === "node")
    return tooltip(told.name, [{ name: told.group ?? "not in the catalogue", value: told.status ?? "unknown" }]);
  const rows = [
    { name: "calls", value: formatValue(told.rate, "1/s") },
    { name: "fail", value: formatValue(told.error_rate, "ratio") },
    { name: "p95", value: formatValue(told.p95_ms, "ms") },
  ];
  return tooltip(`${told.from} → ${told.to}`, rows);
}

/** A value for each pair, the darker the more. Null is left blank. */
export function heatOption(input: {
  columns: readonly string[];
  rows: readonly string[];
  cells: readonly (readonly [column: number, row: number, value: number | null])[];
  unit: string;
}): EChartsCoreOption {
  const { columns, rows, cells, unit } = input;
  const values = cells.flatMap(([, , value]) => (value === null ? [] : [value]));
  return {
    animation: false,
    grid: { left: 8, right: 12, top: 8, bottom: 4, containLabel: true },
    xAxis: { type: "category", data: [...columns], axisLabel: { hideOverlap: true } },
    yAxis: { type: "category", data: [...rows], inverse: true, axisLabel: { width: 150, overflow: "truncate" } },
    visualMap: { show: false, min: 0, max: Math.max(1e-12, ...values), inRange: { color: ["#e5f1f8", "#0072b2"] } },
    tooltip: {
      confine: true,
      formatter: (found: unknown) => {
        const [column, row, value] = (found as { value: [number, number, number | null] }).value;
        return tooltip(`${rows[row]}, ${columns[column]}`, [{ name: "", value: formatValue(value, unit) }]);
      },
    },
    series: [{ type: "heatmap", data: cells.map((cell) => [...cell]) }],
  };
}
