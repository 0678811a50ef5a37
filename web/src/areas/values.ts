import type { Schemas } from "@/api/client";

/** An answer as the client gives it: what the description calls a pair comes as a list. */
export type Answered<T> = T extends [number, number]
  ? number[]
  : T extends object
    ? { [K in keyof T]: Answered<T[K]> }
    : T;
/** One of the named answers, rows or parts of the API. */
export type Told<Name extends keyof Schemas> = Answered<Schemas[Name]>;

/** A row of a deep dive whose values the API's description leaves open. */
export type Cells = Record<string, unknown>;
export type Bucket = { from: number | null; to: number | null; count: number };

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function numberOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** Buckets of a histogram, whichever way their ends are called: `above` and `to`, or `from` and `below`. */
export function bucketsOf(value: unknown): Bucket[] {
  if (!Array.isArray(value)) return [];
  return value.map((bucket: Cells) => ({
    from: numberOf(bucket["from"] ?? bucket["above"]),
    to: numberOf(bucket["to"] ?? bucket["below"]),
    count: numberOf(bucket["count"]) ?? 0,
  }));
}

/** How many rows there are of each word of a field, in the order of their first coming. */
export function tally(rows: Cells[], field: string): [word: string, count: number][] {
  const counts = new Map<string, number>();
  for (const row of rows) {
    const word = textOf(row[field]) || "unknown";
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts];
}

/** The origin of rows as one for a number of them: the API says it once for all. */
export function originOf(rows: { provenance: Schemas["RowsProvenance"] } | null | undefined, unit: string) {
  return rows === null || rows === undefined ? undefined : { ...rows.provenance, unit };
}

/** The same, with a number's own samples and interval, where its row has them. */
export function originOfRow(
  rows: { provenance: Schemas["RowsProvenance"] } | null | undefined,
  unit: string,
  row: Cells,
  field: string,
  samples: string,
) {
  const origin = originOf(rows, unit);
  if (origin === undefined) return undefined;
  const low = numberOf(row[`${field}_low`]);
  const high = numberOf(row[`${field}_high`]);
  return {
    ...origin,
    samples: numberOf(row[samples]) ?? origin.samples,
    ...(low === null || high === null ? {} : { interval: [low, high] as [number, number] }),
  };
}
