import type { Zone } from "@/app/address";

const PARTS = {
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
} as const;

// Formatters are dear to make and are wanted thousands of times.
const MADE: Record<Zone, Intl.DateTimeFormat> = {
  utc: new Intl.DateTimeFormat("en-GB", { ...PARTS, hourCycle: "h23", timeZone: "UTC" }),
  local: new Intl.DateTimeFormat("en-GB", { ...PARTS, hourCycle: "h23", timeZoneName: "short" }),
};

/** `2026-01-02 03:04:05 UTC`, or in the reader's own zone with its name. `unknown` for what is no time. */
export function formatTime(iso: string | null | undefined, zone: Zone): string {
  const found = parts(iso, zone);
  return found === null ? "unknown" : `${found.date} ${found.clock} ${found.zone}`;
}

/** `03:04:05`: where the day is plain from what stands around it. */
export function formatClock(iso: string | null | undefined, zone: Zone): string {
  return parts(iso, zone)?.clock ?? "unknown";
}

/** `2026-01-02`. */
export function formatDay(iso: string | null | undefined, zone: Zone): string {
  return parts(iso, zone)?.date ?? "unknown";
}

/** Two times with the day said once where it is the same. */
export function formatRange(from: string, to: string, zone: Zone): string {
  const [start, end] = [parts(from, zone), parts(to, zone)];
  if (start === null || end === null) return "unknown";
  const last = start.date === end.date ? end.clock : `${end.date} ${end.clock}`;
  return `${start.date} ${start.clock} – ${last} ${end.zone}`;
}

function parts(iso: string | null | undefined, zone: Zone): { date: string; clock: string; zone: string } | null {
  const at = iso === null || iso === undefined || iso === "" ? Number.NaN : Date.parse(iso);
  if (Number.isNaN(at)) return null;
  const found: Record<string, string> = {};
  for (const { type, value } of MADE[zone].formatToParts(at)) found[type] = value;
  return {
    date: `${found.year}-${found.month}-${found.day}`,
    clock: `${found.hour}:${found.minute}:${found.second}`,
    zone: zone === "utc" ? "UTC" : (found.timeZoneName ?? "local"),
  };
}
