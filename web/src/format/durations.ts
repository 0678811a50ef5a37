const SIZES = [
  [86_400, "d", 3_600, "h"],
  [3_600, "h", 60, "min"],
  [60, "min", 1, "s"],
] as const;

const FINE = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });
const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** A length of time in its two largest units: `420 ms`, `42 s`, `3 min 5 s`, `2 h`. */
export function formatDuration(seconds: number): string {
  if (seconds < 0) return `-${formatDuration(-seconds)}`;
  if (seconds === 0) return "0 s";
  if (seconds < 0.9995) return `${FINE.format(seconds * 1_000)} ms`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${FINE.format(seconds)} s`;
  for (const [size, unit, restSize, restUnit] of SIZES) {
    if (whole < size) continue;
    const rest = Math.floor((whole % size) / restSize);
    return `${WHOLE.format(Math.floor(whole / size))} ${unit}${rest > 0 ? ` ${rest} ${restUnit}` : ""}`;
  }
  return `${whole} s`;
}

/** Milliseconds stay milliseconds up to ten thousand, so that numbers side by side can be compared. */
export function formatMilliseconds(ms: number): string {
  const size = Math.abs(ms);
  if (size >= 10_000) return formatDuration(ms / 1_000);
  return `${size >= 100 ? WHOLE.format(ms) : FINE.format(ms === 0 ? 0 : ms)} ms`;
}

/** How long ago: `just now`, `42 s ago`, `3 min ago`, `2 d ago`. */
export function formatAge(seconds: number): string {
  if (!Number.isFinite(seconds)) return "unknown";
  if (seconds < 1) return "just now";
  for (const [size, unit] of SIZES) {
    if (seconds >= size) return `${WHOLE.format(Math.floor(seconds / size))} ${unit} ago`;
  }
  return `${Math.floor(seconds)} s ago`;
}

/** Seconds since an RFC 3339 time, never negative; null when it is none. */
export function ageOf(iso: string | null | undefined, now: number): number | null {
  const then = iso === null || iso === undefined ? Number.NaN : Date.parse(iso);
  return Number.isNaN(then) ? null : Math.max(0, (now - then) / 1_000);
}
