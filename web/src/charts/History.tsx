import { useCallback, useMemo } from "react";
import { useNavigate } from "@tanstack/react-router";
import { api, type Schemas } from "@/api/client";
import { asked } from "@/app/range";
import { useAsked } from "@/app/fresh";
import { useAlong } from "@/app/link";
import { Chart } from "@/charts/Chart";
import { seriesCsv } from "@/charts/csv";
import { useMarks } from "@/charts/marks";
import { seriesOption } from "@/charts/series";
import type { Line } from "@/charts/types";
import { useZoom } from "@/charts/zoom";
import { formatDuration } from "@/format";
import { Answer } from "@/measure/Answer";

type Series = Schemas["Series"];
type Props = {
  indicator: string;
  title: string;
  member?: string | undefined;
  shape?: "line" | "area" | "bar";
  stacked?: boolean;
  height?: number;
  /** Which traces a click leads to, beside the time. */
  traces?: (member: string) => Record<string, string>;
  /** Only members that fit. */
  only?: (member: string) => boolean;
};

/** How many lines one can still tell apart. */
const MOST = 8;
const AROUND_MS = 60_000;

/** An indicator's history over the range of the address: a line for each member, those with the largest values first. */
export function History({
  indicator,
  title,
  member,
  shape = "line",
  stacked = false,
  height = 180,
  traces,
  only,
}: Props) {
  const { range, options } = useAsked();
  const query = api.useQuery(
    "get",
    "/api/v1/monitoring/series",
    { params: { query: { ...asked(range), indicator, member: member ?? "*" } } },
    options,
  );
  const marks = useMarks();
  const zoom = useZoom();
  const point = useTraces(traces);
  return (
    <Answer query={query} what={title} height={height}>
      {(data) => (
        <Drawn
          data={data}
          title={title}
          shape={shape}
          stacked={stacked}
          height={height}
          only={only}
          marks={marks}
          onZoom={zoom}
          onPoint={point}
        />
      )}
    </Answer>
  );
}

type DrawnProps = Required<Pick<Props, "title" | "shape" | "stacked" | "height">> & {
  data: Series;
  only: Props["only"];
  marks: ReturnType<typeof useMarks>;
  onZoom: (from: string, to: string) => void;
  onPoint: (at: string, series: string) => void;
};

function Drawn({ data, title, shape, stacked, height, only, ...touch }: DrawnProps) {
  const { range } = useAsked();
  const { lines, left } = useMemo(() => linesOf(data, only), [data, only]);
  const option = useMemo(
    () => seriesOption({ lines, unit: data.unit, zone: range.zone, shape, stacked, from: data.from, to: data.to }),
    [lines, data, range.zone, shape, stacked],
  );
  const note = `${data.sentence}; over ${formatDuration(data.window_s)}, every ${formatDuration(data.step_s)}; ${data.source}${left > 0 ? `; ${left} more with smaller values` : ""}`;
  return <Chart option={option} name={title} height={height} csv={() => seriesCsv(lines)} note={note} {...touch} />;
}

/** The lines of an answer, the largest first, and how many were left out. */
export function linesOf(
  data: Pick<Series, "items" | "sentence">,
  only?: (member: string) => boolean,
): { lines: Line[]; left: number } {
  const fitting = data.items.filter((item) => only?.(item.member) ?? true);
  const largest = (item: (typeof fitting)[number]) =>
    Math.max(-Infinity, ...item.points.map((point) => point.value ?? -Infinity));
  const ordered = [...fitting].sort((a, b) => largest(b) - largest(a));
  const lines = ordered
    .slice(0, MOST)
    .map((item) => ({ name: item.member === "" ? data.sentence : item.member, points: item.points }));
  return { lines, left: Math.max(0, ordered.length - MOST) };
}

/** Leads to the traces round a time. */
export function useTraces(filter?: (series: string) => Record<string, string>): (at: string, series: string) => void {
  const navigate = useNavigate();
  const along = useAlong();
  return useCallback(
    (at, series) => {
      const ms = Date.parse(at);
      const [from, to] = [ms - AROUND_MS, ms + AROUND_MS].map((each) => new Date(each).toISOString());
      void navigate({ to: "/traces", search: { ...along, range: undefined, from, to, ...filter?.(series) } });
    },
    [navigate, along, filter],
  );
}
