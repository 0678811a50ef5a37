/** What live results say against what the backtests promised. Pure. */
import { numberOf, textOf, type Cells } from "@/areas/values";

export type Standing = { status: string; lead: string };

const BAD = new Set(["outside", "below_band"]);

/** One sentence of the live rows: which strategies left their band, and which are not known. */
export function liveVerdict(rows: Cells[]): Standing {
  const live = rows.filter((row) => textOf(row["source"]) === "live");
  const bad = live.filter((row) => BAD.has(textOf(row["verdict"])));
  const judged = live.filter((row) => textOf(row["verdict"]) !== "not_enough_data");
  if (judged.length === 0) return { status: "unknown", lead: "Too few trades or backtests to judge any strategy." };
  const names = bad.map((row) => textOf(row["strategy"])).join(", ");
  if (bad.length > 0) return { status: "degraded", lead: `Live not as the backtests promised: ${names}.` };
  return { status: "healthy", lead: `${judged.length} strategies do live what their backtests promised, or better.` };
}

export type Band = {
  name: string;
  live: number | null;
  expected: number | null;
  low: number | null;
  high: number | null;
};

export function bandsOf(rows: Cells[], source: string): Band[] {
  return rows
    .filter((row) => textOf(row["source"]) === source)
    .map((row) => ({
      name: textOf(row["strategy"]),
      live: numberOf(row["return_ratio"]),
      expected: numberOf(row["expected_ratio"]),
      low: numberOf(row["band_low_ratio"]),
      high: numberOf(row["band_high_ratio"]),
    }));
}
