import { formatDuration, formatMilliseconds } from "@/format/durations";

/** What stands where nothing was measured. Never zero, never empty. */
export const UNKNOWN = "unknown";

/** `1,200`, `98.5`, `0.0042`: thousands apart, and as many digits as say something. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (Number.isInteger(value)) return grouped(value, 0);
  if (size < 0.1) return plain(value, 2);
  return grouped(value, size >= 1_000 ? 0 : size >= 100 ? 1 : 2);
}

/** A share of 0 to 1 as percent. What is not quite 1 is not shown as 100 %: it gets as many digits as that takes. */
export function formatPercent(ratio: number): string {
  for (let digits = 3; digits < 12; digits += 1) {
    const shown = plain(ratio * 100, digits);
    if (ratio >= 1 || shown !== "100") return `${shown} %`;
  }
  return "100 %";
}

/** Dollars. Amounts below a cent keep two digits that are not zero, as a model call costs that little. */
export function formatMoney(amount: number | string): string {
  const value = Number(amount);
  if (amount === "" || !Number.isFinite(value)) return UNKNOWN;
  const size = Math.abs(value);
  const text = size > 0 && size < 0.01 ? plain(size, 2) : fixed(size, 2);
  return `${value < 0 ? "-" : ""}$${text}`;
}

export function formatBytes(bytes: number): string {
  let value = bytes;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (Math.abs(value) < 1_024) return `${plain(value, 4)} ${unit}`;
    value /= 1_024;
  }
  return `${plain(value, 4)} TiB`;
}

const WRITE: Record<string, (value: number) => string> = {
  "1": formatNumber,
  "": formatNumber,
  ratio: formatPercent,
  usd: formatMoney,
  ms: formatMilliseconds,
  s: formatDuration,
  min: (value) => formatDuration(value * 60),
  By: formatBytes,
  bytes: formatBytes,
  "By/s": (value) => `${formatBytes(value)}/s`,
  "1/s": (value) => `${formatNumber(value)}/s`,
  "1/h": (value) => `${formatNumber(value)}/h`,
  "usd/h": (value) => `${formatMoney(value)}/h`,
  "usd/s": (value) => `${formatMoney(value)}/s`,
};

/** A value with its unit, in the unit words of the API; `unknown` where there is none. */
export function formatValue(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  const write = WRITE[unit];
  if (write !== undefined) return write(value);
  return `${formatNumber(value)} ${noun(unit, value)}`;
}

/** A value as an axis shows it: short, `12k`, `$1.2M`, and without the unit where the axis says it. */
export function formatTick(value: number, unit: string): string {
  const sign = value < 0 ? "-" : "";
  if (unit.startsWith("usd")) return Math.abs(value) < 1 ? formatMoney(value) : `${sign}$${short(Math.abs(value))}`;
  if (unit === "1" || unit === "" || unit.startsWith("{")) return `${sign}${short(Math.abs(value))}`;
  return formatValue(value, unit);
}

function noun(unit: string, value: number): string {
  if (!unit.startsWith("{")) return unit;
  const word = unit.slice(1, -1);
  return Math.abs(value) === 1 || word === "cpu" ? word : `${word}s`;
}

function short(size: number): string {
  for (const [least, letter] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    if (size >= least) return `${plain(size / least, 3)}${letter}`;
  }
  return plain(size, 3);
}

const FIXED = [0, 1, 2].map((most) => new Intl.NumberFormat("en-US", { maximumFractionDigits: most }));
const CENTS = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const SIGNIFICANT = Array.from(
  { length: 13 },
  (_, digits) => new Intl.NumberFormat("en-US", { maximumSignificantDigits: Math.max(1, digits) }),
);

function grouped(value: number, digits: number): string {
  // A value that rounds to zero from below is no negative zero.
  return (FIXED[digits] ?? CENTS).format(value).replace(/^-0$/, "0");
}

function fixed(value: number, digits: number): string {
  return digits === 2 ? CENTS.format(value) : grouped(value, digits);
}

/** At most so many significant digits, thousands apart, never in powers of ten. */
export function plain(value: number, digits: number): string {
  return (SIGNIFICANT[digits] ?? CENTS).format(value === 0 ? 0 : value);
}
