import { Box, Button, Group, Text, useComputedColorScheme } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import type { EChartsCoreOption } from "echarts/core";
import { useCallback, useEffect, useId, useRef, type ReactNode } from "react";
import { useAlong } from "@/app/link";
import { csvText } from "@/charts/csv";
import { download, fileName } from "@/charts/download";
import { dragging } from "@/charts/drag";
import { echarts } from "@/charts/library";
import { withMarks } from "@/charts/markup";
import type { Mark } from "@/charts/types";
import { Failed, Loading } from "@/measure/Answer";
import { formatNumber } from "@/format";
import "@/charts/charts.css";

type EChart = ReturnType<typeof echarts.init>;
type Props = {
  option: EChartsCoreOption;
  /** What it shows, in a few words: its title, the name of its files, and what is read out. */
  name: string;
  csv: () => string[][];
  height?: number;
  marks?: readonly Mark[];
  /** A stretch of time was drawn over. */
  onZoom?: (from: string, to: string) => void;
  /** A point was clicked: its time (of a chart over time) or its name. */
  onPoint?: (at: string, series: string) => void;
  /** A thing of its own was clicked: the `id` of its datum. */
  onPick?: (id: string) => void;
  /** What to say when there is nothing to draw. */
  empty?: ReactNode;
  /** What it rests on: samples, window, source. */
  note?: ReactNode;
  /** It is being asked for, or could not be had. */
  loading?: boolean;
  error?: unknown;
  retry?: () => void;
};

const NO_MARKS: readonly Mark[] = [];

/** A chart with its title, and its data as CSV or PNG. New options are drawn into the old picture. */
export function Chart({
  option,
  name,
  csv,
  height = 220,
  marks = NO_MARKS,
  onZoom,
  onPoint,
  onPick,
  note,
  ...standing
}: Props) {
  const scheme = useComputedColorScheme("light");
  const place = useRef<HTMLDivElement>(null);
  const band = useRef<HTMLDivElement>(null);
  const chart = useRef<EChart | null>(null);
  const title = useId();
  useDrawn(place, chart, withMarks(option, marks), scheme);
  useTouched(chart, band, { onZoom, onPoint, onPick });
  const picture = useCallback(() => {
    const url = chart.current?.getDataURL({
      type: "png",
      pixelRatio: 2,
      backgroundColor: scheme === "dark" ? "#141a21" : "#ffffff",
    });
    if (url !== undefined) download(url, fileName(name, "png"));
  }, [name, scheme]);
  const table = () =>
    download(URL.createObjectURL(new Blob([csvText(csv())], { type: "text/csv" })), fileName(name, "csv"));
  return (
    <Box component="figure" m={0} aria-labelledby={title} className="chart">
      <Group justify="space-between" gap="xs" wrap="nowrap">
        <Text component="figcaption" id={title} size="sm" fw={600} truncate>
          {name}
        </Text>
        <Tools name={name} onTable={table} onPicture={picture} />
      </Group>
      <Box pos="relative">
        <div
          ref={place}
          style={{ height }}
          role="img"
          aria-label={`Chart: ${name}. ${summaryOf(option)}`}
          className={onPoint !== undefined || onPick !== undefined ? "chart-picked" : undefined}
        />
        <div ref={band} className="chart-band" hidden />
        {isEmpty(option) && <Nothing name={name} {...standing} />}
      </Box>
      {note !== undefined && (
        <Text size="xs" c="dimmed">
          {note}
        </Text>
      )}
    </Box>
  );
}

function Tools({ name, onTable, onPicture }: { name: string; onTable: () => void; onPicture: () => void }) {
  return (
    <Group gap={2} wrap="nowrap" className="chart-tools">
      <Button variant="subtle" size="compact-xs" onClick={onTable} aria-label={`${name}: CSV`}>
        CSV
      </Button>
      <Button variant="subtle" size="compact-xs" onClick={onPicture} aria-label={`${name}: PNG`}>
        PNG
      </Button>
    </Group>
  );
}

/** What stands in the place of a picture that has no point. */
function Nothing({
  name,
  empty,
  loading = false,
  error,
  retry,
}: Pick<Props, "name" | "empty" | "loading" | "error" | "retry">) {
  const failed = error !== undefined && error !== null;
  return (
    <Text component="div" c="dimmed" size="sm" className="chart-empty">
      {loading && <Loading what={name} />}
      {!loading && failed && <Failed error={error} what={name} {...(retry ? { retry } : {})} />}
      {!loading && !failed && (empty ?? "Nothing was measured in this range.")}
    </Text>
  );
}

function useDrawn(
  place: React.RefObject<HTMLDivElement | null>,
  chart: React.RefObject<EChart | null>,
  option: EChartsCoreOption,
  scheme: string,
) {
  const drawn = useRef<string>("");
  useEffect(() => {
    if (place.current === null) return;
    const made = echarts.init(place.current, scheme);
    chart.current = made;
    drawn.current = "";
    const watched = new ResizeObserver(() => made.resize());
    watched.observe(place.current);
    return () => {
      watched.disconnect();
      made.dispose();
      chart.current = null;
    };
  }, [place, chart, scheme]);
  useEffect(() => {
    // Series that are gone must go from the picture; as long as they are the same, only what changed is drawn.
    const series = (option.series as { name?: string; type?: string }[] | undefined) ?? [];
    const shape = series.map((each) => `${each.type ?? ""}:${each.name ?? ""}`).join("|");
    chart.current?.setOption(option, { notMerge: shape !== drawn.current, lazyUpdate: true });
    drawn.current = shape;
  }, [chart, option, scheme]);
}

type Touch = { [name in "onZoom" | "onPoint" | "onPick"]: Props[name] | undefined };

function useTouched(chart: React.RefObject<EChart | null>, band: React.RefObject<HTMLDivElement | null>, touch: Touch) {
  const navigate = useNavigate();
  const along = useAlong();
  const latest = useRef({ ...touch, along });
  latest.current = { ...touch, along };
  const scheme = useComputedColorScheme("light");
  useEffect(() => {
    const made = chart.current;
    if (made === null || band.current === null) return;
    let marked = false;
    made.on("click", (event) => {
      const data = event.data as { href?: string; name?: string; id?: string } | undefined;
      if (event.componentType === "markLine") {
        marked = true;
        if (data?.href !== undefined) void navigate({ to: data.href, search: latest.current.along });
        return;
      }
      if (data?.id !== undefined && latest.current.onPick !== undefined) {
        marked = true;
        latest.current.onPick(data.id);
        return;
      }
      const overTime = (made.getOption().xAxis as { type?: string }[] | undefined)?.[0]?.type === "time";
      if (!overTime) latest.current.onPoint?.(data?.id ?? event.name, event.seriesName ?? "");
    });
    return dragging(made, band.current, {
      zoom: (from, to) => latest.current.onZoom?.(from, to),
      point: (at, series) => {
        if (!marked) latest.current.onPoint?.(at, series);
        marked = false;
      },
      zooms: () => latest.current.onZoom !== undefined,
    });
  }, [chart, band, navigate, scheme]);
}

/** What a chart shows, for those who do not see it: its series, each with its newest known value. */
function summaryOf(option: EChartsCoreOption): string {
  const series = (option.series as { name?: string; data?: unknown[]; silent?: boolean }[] | undefined) ?? [];
  const told = series.filter((each) => each.silent !== true && each.name !== undefined).slice(0, 8);
  return told
    .map(({ name = "", data = [] }) => {
      const newest = data.findLast((each) => Array.isArray(each) && typeof each[1] === "number") as
        [number, number] | undefined;
      return newest === undefined ? name : `${name}: newest ${formatNumber(newest[1])}`;
    })
    .join("; ");
}

function isEmpty(option: EChartsCoreOption): boolean {
  const series = option.series as { data?: unknown[]; silent?: boolean }[] | undefined;
  return (series ?? []).every((each) => each.silent === true || (each.data ?? []).every(blank));
}

function blank(data: unknown): boolean {
  if (Array.isArray(data)) return data.slice(1).every((each) => each === null || each === undefined || each === false);
  return data === null || (typeof data === "object" && "value" in data && data.value === null);
}
