import type { Schemas } from "@/api/client";
import type { Address } from "@/app/address";
import { asked, type Range } from "@/app/range";
import { listed, oneOf, texts } from "@/pages/traces/query";

export const SEVERITIES = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
const TEXTS = ["text", "service", "trace", "span", "event", "user"] as const;
const STEPS = 40;

/** What an address says of log records, as the API takes it. */
export function logFilters(address: Address) {
  const severity = oneOf(address.severity, SEVERITIES);
  const attribute = listed(address.attribute);
  return {
    ...texts(address, TEXTS),
    ...(severity === undefined ? {} : { severity }),
    ...(attribute.length === 0 ? {} : { attribute }),
  };
}

export function logsAsked(address: Address, range: Range) {
  return { ...asked(range), ...logFilters(address), ...texts(address, ["cursor"] as const) };
}

/** The address of the stream that tells what is logged and fits. A trace that is over logs no more: ids are left out. */
export function tailAddress(address: Address, environment: string): string {
  const { attribute = [], ...filters } = logFilters({ ...address, trace: undefined, span: undefined });
  const query = new URLSearchParams({ topics: "logs", environment, ...filters });
  for (const each of attribute) query.append("attribute", each);
  return `/api/v1/monitoring/stream?${query.toString()}`;
}

type Line = { name: string; points: { at: string; value: number | null }[] };

/** How many of the records there are of each severity, over the time that they cover. */
export function linesOf(items: readonly Pick<Schemas["LogItem"], "at" | "severity">[]): Line[] {
  const times = items.map((item) => Date.parse(item.at));
  if (times.length === 0) return [];
  const first = Math.min(...times);
  const step = Math.max(Math.ceil((Math.max(...times) - first + 1) / STEPS), 1);
  const stepsOf = (severity: string) => {
    const counts = Array.from({ length: STEPS }, () => 0);
    items.forEach((item, index) => {
      if ((item.severity ?? "unknown") !== severity) return;
      const at = Math.floor(((times[index] ?? first) - first) / step);
      counts[at] = (counts[at] ?? 0) + 1;
    });
    return counts.map((value, index) => ({ at: new Date(first + index * step).toISOString(), value }));
  };
  const held = new Set<string>(items.map((item) => item.severity ?? "unknown"));
  return [...SEVERITIES, "unknown"].filter((name) => held.has(name)).map((name) => ({ name, points: stepsOf(name) }));
}

/** How many records of each severity the patterns stand for, now and in the time before. */
export function severitiesOf(items: readonly Pick<Schemas["LogPattern"], "severity" | "count" | "count_before">[]) {
  return [...SEVERITIES, "unknown"]
    .map((name) => {
      const own = items.filter((item) => (item.severity ?? "unknown") === name);
      const sum = (field: "count" | "count_before") => own.reduce((all, item) => all + item[field], 0);
      return { name, now: sum("count"), before: sum("count_before") };
    })
    .filter(({ now, before }) => now + before > 0);
}
