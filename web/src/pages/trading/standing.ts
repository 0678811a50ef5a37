/** How an exchange stands, by what the areas' health says of it. Pure. */
import { numberOf, textOf, type Cells, type Told } from "@/areas/values";

export type Reason = Told<"ReasonItem">;
export type Standing = { status: Reason["status"]; reason: string };

const ORDER: Reason["status"][] = ["healthy", "unknown", "degraded", "critical"];
/** When the services themselves are gone, that nothing is told of one exchange says nothing good of it. */
const ALIVE = "services_alive_ratio";

export function worstOf(reasons: Reason[]): Reason | undefined {
  return [...reasons].sort((one, other) => ORDER.indexOf(other.status) - ORDER.indexOf(one.status))[0];
}

/** A member stands alone or before its other parts: `kraken`, `kraken/BTC/USDT`. */
export function concerns(reason: Reason, exchange: string): boolean {
  return reason.member === exchange || reason.member.startsWith(`${exchange}/`);
}

/**
 * The worst that is said of the exchange; healthy only where something was measured and its areas are judged.
 * `areas` are the reasons of each area, or undefined while they are not known.
 */
export function standingOf(exchange: string, areas: Reason[][] | undefined, measured: boolean): Standing {
  if (areas === undefined) return { status: "unknown", reason: "The health of the area is not known." };
  const reasons = areas.flat();
  const own = worstOf(reasons.filter((reason) => concerns(reason, exchange)));
  if (own !== undefined) return { status: own.status, reason: own.sentence };
  const gone = reasons.find((reason) => reason.member === "" && reason.subject.endsWith(ALIVE));
  if (gone !== undefined) return { status: "unknown", reason: `Not told, for ${gone.sentence}` };
  if (!measured) return { status: "unknown", reason: "No order reached it in this range." };
  return { status: "healthy", reason: "No indicator of this exchange is beyond its bounds." };
}

/** One sentence of all exchanges. */
export function verdictOf(standings: { exchange: string; standing: Standing }[]): Standing {
  if (standings.length === 0) return { status: "unknown", reason: "No exchange was traded on in this range." };
  const worst = [...standings].sort(
    (one, other) => ORDER.indexOf(other.standing.status) - ORDER.indexOf(one.standing.status),
  )[0];
  const well = standings.filter(({ standing }) => standing.status === "healthy").length;
  const count = `${well} of ${standings.length} exchanges ${well === 1 ? "is" : "are"} healthy`;
  if (worst === undefined || worst.standing.status === "healthy") return { status: "healthy", reason: `${count}.` };
  const others = standings.filter(({ standing }) => standing.status !== "healthy");
  const named = others.map(({ exchange, standing }) => `${exchange} is ${standing.status}`);
  return { status: worst.standing.status, reason: `${count}; ${named.join(", ")}.` };
}

export type Gap = { value: number; live: number; paper: number };
type Market = Told<"TradingExecutionMarketsRow">;

/** Mean slippage of live orders less that of paper orders; of markets, each weighing as much as it has samples. */
export function gapOf(markets: Market[], exchange: string): Gap | null {
  const live = meanOf(markets.filter((row) => row.exchange === exchange && row.mode === "live"));
  const paper = meanOf(markets.filter((row) => row.exchange === exchange && row.mode === "paper"));
  if (live === null || paper === null) return null;
  return { value: live.mean - paper.mean, live: live.samples, paper: paper.samples };
}

function meanOf(markets: Market[]): { mean: number; samples: number } | null {
  let sum = 0;
  let samples = 0;
  for (const row of markets) {
    const weight = row.provenance["avg_slippage_bps"]?.samples ?? 0;
    if (row.avg_slippage_bps === null || weight === 0) continue;
    sum += row.avg_slippage_bps * weight;
    samples += weight;
  }
  return samples === 0 ? null : { mean: sum / samples, samples };
}

export type Member = Told<"SeriesOfMember">;
export type RejectLine = { name: string; points: { at: string; value: number | null }[] };

/** Series of `exchange/status/reason` as one line a reason; of all exchanges where `exchange` is empty. */
export function rejectLines(members: Member[], exchange: string): RejectLine[] {
  const lines = new Map<string, Map<string, number | null>>();
  for (const member of members) {
    const [venue = "", status = "", ...reason] = member.member.split("/");
    if ((status !== "rejected" && status !== "denied") || (exchange !== "" && venue !== exchange)) continue;
    const name = `${reason.join("/") || "no reason"}${status === "denied" ? " (denied by us)" : ""}`;
    const line = lines.get(name) ?? new Map<string, number | null>();
    for (const point of member.points) line.set(point.at, plus(line.get(point.at), point.value));
    lines.set(name, line);
  }
  return [...lines].map(([name, points]) => ({
    name,
    points: [...points].sort(([one], [other]) => one.localeCompare(other)).map(([at, value]) => ({ at, value })),
  }));
}

function plus(before: number | null | undefined, value: number | null): number | null {
  if (before === undefined || before === null) return value;
  return value === null ? before : before + value;
}

/** The parts of what it cost to get from the decision to the fill, as the API adds them up. */
export function shortfallParts(costs: Cells[], exchange: string): { name: string; value: number }[] {
  const names: [string, string][] = [
    ["shortfall_execution", "Execution"],
    ["shortfall_fee", "Fees"],
    ["shortfall_opportunity", "Not filled"],
  ];
  const parts = names.flatMap(([measure, name]) => {
    const value = numberOf(costOf(costs, measure, exchange)?.["mean_bps"]);
    return value === null ? [] : [{ name, value }];
  });
  return parts.length === names.length ? parts : [];
}

export function costOf(costs: Cells[], measure: string, exchange: string): Cells | undefined {
  return costs.find((row) => textOf(row["measure"]) === measure && textOf(row["exchange"]) === exchange);
}
