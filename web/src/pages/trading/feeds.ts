/** What the verdicts of feeds say together. Pure. */
import type { Standing } from "@/pages/trading/standing";
import { tally, textOf, type Cells } from "@/areas/values";

export function feedsVerdict(feeds: Cells[]): Standing {
  if (feeds.length === 0) return { status: "unknown", reason: "No feed is known." };
  const counts = tally(feeds, "verdict");
  const told = counts.map(([word, count]) => `${count} ${word}`).join(", ");
  const broken = feeds.filter((row) => textOf(row["verdict"]) === "broken");
  if (broken.length > 0) {
    const names = broken.map((row) => `${textOf(row["exchange"])} ${textOf(row["symbol"])}`).join(", ");
    return { status: "degraded", reason: `Of ${feeds.length} feeds: ${told}. Broken: ${names}.` };
  }
  const judged = counts.some(([word]) => word === "flowing" || word === "quiet");
  return { status: judged ? "healthy" : "unknown", reason: `Of ${feeds.length} feeds: ${told}; none is broken.` };
}
