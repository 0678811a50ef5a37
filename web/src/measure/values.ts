import { formatTime, formatValue, holdsTime, unitOf } from "@/format";
import type { Zone } from "@/app/address";

export type Row = Record<string, unknown>;

/** Columns whose values belong to another column: the ends of its interval. */
const ENDS = /_(low|high)$/;
export const HIDDEN = new Set(["provenance", "histogram", "histogram_before", "untrusted"]);

/** The columns of some rows, in the order of the first that has them; ends of intervals are part of their value. */
export function columnsOf(rows: readonly Row[]): string[] {
  const fields = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return fields.filter((field) => {
    if (HIDDEN.has(field)) return false;
    const base = field.replace(ENDS, "");
    if (base !== field && (fields.includes(base) || rows.some((row) => base in row))) return false;
    return rows.some((row) => !isNested(row[field]));
  });
}

export function isNested(value: unknown): boolean {
  if (Array.isArray(value)) return value.some((each) => typeof each === "object" && each !== null);
  return typeof value === "object" && value !== null;
}

/** What an empty name stands for: all of them together, or nobody that was told. */
const EMPTY: Record<string, string> = {
  exchange: "all",
  name: "all",
  member: "all",
  user: "nobody told",
  user_id: "nobody told",
  user_cohort: "none told",
  feature: "none told",
};

/** The text of a field that is not shown as a number. */
export function textOf(field: string, value: unknown, zone: Zone): string {
  if (value === null || value === undefined) return "unknown";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return formatValue(value, unitOf(field));
  if (Array.isArray(value))
    return value.length === 0 ? "none" : value.map((each) => textOf(field, each, zone)).join(", ");
  if (typeof value === "string") {
    if (holdsTime(field)) return formatTime(value, zone);
    return value === "" ? (EMPTY[field] ?? "none") : value;
  }
  return JSON.stringify(value);
}

/** Numbers by size, texts by their order; what is unknown stands last whichever way it goes. */
export function sorted<T extends object>(rows: readonly T[], field: string | null, descending: boolean): T[] {
  if (field === null) return [...rows];
  const of = (row: T) => (row as Row)[field];
  const known = rows.filter((row) => !isUnknown(of(row)));
  const rest = rows.filter((row) => isUnknown(of(row)));
  known.sort((a, b) => compared(of(a), of(b)) * (descending ? -1 : 1));
  return [...known, ...rest];
}

function isUnknown(value: unknown): boolean {
  return value === null || value === undefined;
}

function compared(a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return asText(a).localeCompare(asText(b), "en", { numeric: true });
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

/** Where the value of a field leads. */
export const PAGES: Record<string, (value: string) => { to: string; search?: Record<string, string> }> = {
  user: (id) => ({ to: `/user/${encodeURIComponent(id)}` }),
  user_id: (id) => ({ to: `/user/${encodeURIComponent(id)}` }),
  worst_user: (id) => ({ to: `/user/${encodeURIComponent(id)}` }),
  trace_id: (id) => ({ to: `/traces/${id}` }),
  service: (id) => ({ to: `/services/${encodeURIComponent(id)}` }),
  incident: (id) => ({ to: `/incidents/${id}` }),
  model: (id) => ({ to: "/traces", search: { model: id } }),
  exchange: (id) => ({ to: "/trading", search: { exchange: id } }),
  runbook: (id) => ({ to: `/emergency/${encodeURIComponent(id)}` }),
  order_id: (id) => ({ to: "/traces", search: { order: id } }),
  signal_id: (id) => ({ to: "/traces", search: { signal: id } }),
  conversation_id: (id) => ({ to: "/traces", search: { conversation: id } }),
};

export function leadsTo(field: string, value: unknown): { to: string; search?: Record<string, string> } | null {
  return typeof value === "string" && value !== "" ? (PAGES[field]?.(value) ?? null) : null;
}
