import type { echarts } from "@/charts/library";

type EChart = ReturnType<typeof echarts.init>;
type Told = {
  zoom(from: string, to: string): void;
  point(at: string, series: string): void;
  /** Whether a stretch may be drawn at all. */
  zooms(): boolean;
};
type Pointer = { offsetX: number; offsetY: number };

/** Less is a click with an unsteady hand. */
const LEAST_PX = 6;
const GRID = { gridIndex: 0 };

/** Tells when a stretch of a chart over time was drawn over, and when a time of it was clicked. Returns how to end it. */
export function dragging(chart: EChart, band: HTMLElement, told: Told): () => void {
  const zr = chart.getZr();
  let start: number | null = null;
  const overTime = () => (chart.getOption().xAxis as { type?: string }[] | undefined)?.[0]?.type === "time";
  const down = ({ offsetX, offsetY }: Pointer) => {
    if (overTime() && chart.containPixel(GRID, [offsetX, offsetY])) start = offsetX;
  };
  const move = ({ offsetX }: Pointer) => {
    if (start === null || !told.zooms() || Math.abs(offsetX - start) < LEAST_PX) return;
    band.hidden = false;
    band.style.left = `${Math.min(start, offsetX)}px`;
    band.style.width = `${Math.abs(offsetX - start)}px`;
  };
  const up = ({ offsetX, offsetY }: Pointer) => {
    const from = start;
    start = null;
    band.hidden = true;
    if (from === null) return;
    if (Math.abs(offsetX - from) < LEAST_PX) {
      const [ms, value] = chart.convertFromPixel(GRID, [offsetX, offsetY]) as [number, number];
      const near = nearest(chart, ms, value);
      if (near !== null) told.point(near.at, near.series);
    } else if (told.zooms()) {
      const ends = [from, offsetX].map((x) => timeAt(chart, x)).sort((a, b) => a - b);
      told.zoom(iso(ends[0] ?? 0), iso(ends[1] ?? 0));
    }
  };
  const away = () => {
    start = null;
    band.hidden = true;
  };
  zr.on("mousedown", down);
  zr.on("mousemove", move);
  zr.on("mouseup", up);
  zr.on("globalout", away);
  return () => {
    for (const [name, handler] of [
      ["mousedown", down],
      ["mousemove", move],
      ["mouseup", up],
      ["globalout", away],
    ] as const) {
      if (!chart.isDisposed()) zr.off(name, handler as () => void);
    }
  };
}

function timeAt(chart: EChart, x: number): number {
  return (chart.convertFromPixel(GRID, [x, 0]) as [number, number])[0];
}

/** The point whose time is next to the given; of several series the one whose value is. */
function nearest(chart: EChart, ms: number, value: number): { at: string; series: string } | null {
  const series = chart.getOption().series as { name?: string; data?: [number, number | null][]; silent?: boolean }[];
  let best: { at: number; far: number; off: number; series: string } | null = null;
  for (const each of series) {
    if (each.silent === true) continue;
    for (const [at, found] of each.data ?? []) {
      if (found === null || found === undefined) continue;
      const [far, off] = [Math.abs(at - ms), Math.abs(found - value)];
      if (best === null || far < best.far || (far === best.far && off < best.off))
        best = { at, far, off, series: each.name ?? "" };
    }
  }
  return best === null ? null : { at: iso(best.at), series: best.series };
}

function iso(ms: number): string {
  return new Date(Math.round(ms)).toISOString();
}
