import type { Schemas } from "@/api/client";

type Indicator = Pick<Schemas["IndicatorItem"], "warn" | "crit">;
const BOUND = /^[<>]=?\s*(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/i;

/** The bounds of an indicator that are one number, as lines of a chart. */
export function boundsOf(indicator: Indicator | undefined): { value: number; text: string }[] {
  const bounds = [
    { text: "warning", said: indicator?.warn },
    { text: "critical", said: indicator?.crit },
  ];
  return bounds.flatMap(({ text, said }) => {
    const number = BOUND.exec(said?.trim() ?? "")?.[1];
    return number === undefined ? [] : [{ value: Number(number), text: `${text} ${said}` }];
  });
}

/** The newest point that has a value. */
export function newest<Point extends { value: number | null }>(points: readonly Point[]): Point | undefined {
  return points.findLast((point) => point.value !== null);
}

/** The places of a list with two of them changed for each other; as it was when one is not there. */
export function swapped<T>(items: readonly T[], one: number, other: number): T[] {
  const [first, second] = [items[one], items[other]];
  if (first === undefined || second === undefined) return [...items];
  return items.map((item, index) => (index === one ? second : index === other ? first : item));
}
