import type { Line } from "@/charts/types";

/** A row for each time, a column for each line. */
export function seriesCsv(lines: readonly Line[]): string[][] {
  const times = [...new Set(lines.flatMap((line) => line.points.map((point) => point.at)))].sort();
  const values = lines.map((line) => new Map(line.points.map((point) => [point.at, point.value])));
  return [
    ["at", ...lines.map((line) => line.name)],
    ...times.map((at) => [at, ...values.map((found) => text(found.get(at)))]),
  ];
}

/** A row for each item, a column for each field that is a plain value. */
export function rowsCsv(rows: readonly object[]): string[][] {
  const fields = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((field) =>
    rows.some((row) => isPlain(field in row ? row[field as keyof typeof row] : null)),
  );
  return [fields, ...rows.map((row) => fields.map((field) => text((row as Record<string, unknown>)[field])))];
}

/** As RFC 4180 wants it. A value that a spreadsheet would take for a formula is led in by an apostrophe. */
export function csvText(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";
}

function quoted(value: string): string {
  const safe = /^[=@+\-\t]/.test(value) && Number.isNaN(Number(value)) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function isPlain(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function text(value: unknown): string {
  return isPlain(value) ? String(value) : "";
}
