import type { Schemas } from "@/api/client";

export type Bucket = { from: number; to: number; count: number };

const STEPS = [1, 2, 5];

/** Durations counted between 1, 2, 5, 10, 20, 50 ms and so on, from the shortest to the longest. */
export function bucketsOf(durations: readonly number[]): Bucket[] {
  const known = durations.filter((each) => Number.isFinite(each) && each >= 0);
  if (known.length === 0) return [];
  const edges = edgesAround(Math.min(...known), Math.max(...known));
  const buckets = edges.slice(1).map((to, index) => ({ from: edges[index] ?? 0, to, count: 0 }));
  for (const each of known) {
    const bucket = buckets.find(({ to }) => each < to);
    if (bucket !== undefined) bucket.count += 1;
  }
  return buckets;
}

/** How long a trace took; until it is whole, how long the span took that fits. */
export function took(item: Pick<Schemas["TraceItem"], "duration_ms" | "matched_duration_ms">): number {
  return item.duration_ms ?? item.matched_duration_ms;
}

function edgesAround(least: number, most: number): number[] {
  const edges: number[] = [];
  for (let power = -3; power < 9; power += 1) {
    for (const step of STEPS) edges.push(Number((step * 10 ** power).toPrecision(1)));
  }
  const first = edges.findLastIndex((edge) => edge <= least);
  const last = edges.findIndex((edge) => edge > most);
  const kept = edges.slice(Math.max(first, 0), last < 0 ? edges.length : last + 1);
  return first < 0 ? [0, ...kept] : kept;
}
