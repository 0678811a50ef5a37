import type { Schemas } from "@/api/client";
import { formatMilliseconds } from "@/format";

type Item = Schemas["TraceItem"];
const [LEFT, BOTTOM, TOP, EDGE] = [62, 20, 8, 6];

/** Where each trace stands in a drawing: time to the right, duration upwards by powers of ten. */
export function placed(items: readonly Item[], width: number, height: number) {
  const known = items.map((item) => {
    const at = item.started_at ?? item.matched_at;
    return { item, at: Date.parse(at), ms: Math.max(item.duration_ms ?? item.matched_duration_ms, 0.001) };
  });
  const times = known.map(({ at }) => at);
  const powers = known.map(({ ms }) => Math.log10(ms));
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const low = Math.floor(Math.min(...powers));
  const high = Math.max(Math.ceil(Math.max(...powers)), low + 1);
  const xOf = (at: number) => LEFT + ((at - first) / Math.max(last - first, 1)) * (width - LEFT - EDGE);
  const yOf = (power: number) => height - BOTTOM - ((power - low) / (high - low)) * (height - BOTTOM - TOP);
  return {
    points: known.map(({ item, at, ms }) => ({
      id: item.trace_id,
      x: xOf(at),
      y: yOf(Math.log10(ms)),
      failed: item.failed === true,
      text: `${item.service ?? "trace"} ${item.operation ?? ""} ${formatMilliseconds(ms)}${item.failed === true ? ", failed" : ""}`,
    })),
    ticks: Array.from({ length: high - low + 1 }, (_, index) => ({ value: 10 ** (low + index), y: yOf(low + index) })),
    from: new Date(first).toISOString(),
    to: new Date(last).toISOString(),
  };
}
