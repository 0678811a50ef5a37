import type { Point } from "@/charts/types";

const [WIDTH, HEIGHT] = [96, 22];

/** A line as small as a word. Gaps stay gaps. */
export function Spark({ points, label }: { points: readonly Point[]; label: string }) {
  const values = points.flatMap(({ value }) => (value === null ? [] : [value]));
  if (values.length === 0) return <span className="unknown">unknown</span>;
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const x = (place: number) => (points.length === 1 ? WIDTH / 2 : (place / (points.length - 1)) * WIDTH);
  const y = (value: number) =>
    most === least ? HEIGHT / 2 : HEIGHT - 2 - ((value - least) / (most - least)) * (HEIGHT - 4);
  const path = points.map(({ value }, place) => {
    if (value === null) return "";
    const starts = place === 0 || points[place - 1]?.value === null;
    return `${starts ? "M" : "L"}${x(place).toFixed(1)} ${y(value).toFixed(1)}`;
  });
  return (
    <svg width={WIDTH} height={HEIGHT} role="img" aria-label={label} className="spark">
      <path d={path.join("")} fill="none" stroke="currentColor" strokeWidth={1.4} strokeLinecap="round" />
    </svg>
  );
}
