/** The way of a signal as the steps of a funnel. Pure. */
import { numberOf, textOf, type Cells } from "@/areas/values";

export type Step = { name: string; count: number | null; drop_ratio?: number | null; delay_s?: number | null };

/** The hop that ends at each step, and how the step is called. The first step is where the first hop begins. */
const STEPS: [hop: string, name: string][] = [
  ["market_event_to_generated", "Generated"],
  ["generated_to_evaluated", "Evaluated"],
  ["evaluated_to_passed", "Passed"],
  ["passed_to_delivered", "Delivered"],
  ["delivered_to_receipt", "Seen or received"],
  ["bridged_to_order", "Order"],
  ["passed_to_outcome", "Outcome known"],
];
const FIRST = "market_event_to_generated";

/**
 * Steps in the order of the way. `drop_ratio` and the median `delay_s` are of the hop that ends at the step. Orders and
 * outcomes branch off where a signal has passed; `profit` is the number of judged signals that made money.
 */
export function funnelSteps(pipeline: Cells[], performance: Cells[]): Step[] {
  const hops = new Map(pipeline.map((row) => [textOf(row["hop"]), row]));
  const begin = hops.get(FIRST);
  if (begin === undefined) return [];
  const steps: Step[] = [{ name: "Market event", count: numberOf(begin["entered"]) }];
  for (const [hop, name] of STEPS) {
    const row = hops.get(hop);
    if (row !== undefined) steps.push(stepOf(name, row));
  }
  const profit = profitOf(performance);
  return profit === undefined ? steps : [...steps, profit];
}

function stepOf(name: string, row: Cells): Step {
  const delay = numberOf(row["p50_ms"]);
  return {
    name,
    count: numberOf(row["reached"]),
    drop_ratio: numberOf(row["drop_ratio"]),
    delay_s: delay === null ? null : delay / 1000,
  };
}

/** Judged signals that made money, over the range of the performance, which is its own. */
function profitOf(performance: Cells[]): Step | undefined {
  const all = performance.find((row) => textOf(row["kind"]) === "all");
  const won = numberOf(all?.["won"]);
  const judged = numberOf(all?.["judged"]);
  if (won === null || judged === null) return undefined;
  return { name: "Profit", count: won, drop_ratio: judged === 0 ? null : 1 - won / judged };
}

/** The hop where the largest share of what entered is lost. */
export function worstHop(pipeline: Cells[]): { hop: string; ratio: number; dropped: number } | undefined {
  const found = pipeline.flatMap((row) => {
    const ratio = numberOf(row["drop_ratio"]);
    const dropped = numberOf(row["dropped"]);
    return ratio === null || dropped === null || dropped === 0 ? [] : [{ hop: textOf(row["hop"]), ratio, dropped }];
  });
  return found.sort((one, other) => other.ratio - one.ratio)[0];
}

/** Rows of the rhythm that say something is silent or quieter than usual, strategies first. */
export function quietOnes(rhythm: Cells[]): Cells[] {
  const quiet = rhythm.filter((row) => ["silent", "quiet"].includes(textOf(row["verdict"])));
  return quiet.sort((one, other) => place(one) - place(other));
}

function place(row: Cells): number {
  const found = ["strategy", "type", "channel", "all"].indexOf(textOf(row["kind"]));
  return found < 0 ? 9 : found;
}
