/** What limits, guards and the emergency stop say. Pure. */
import { numberOf, textOf, type Cells } from "@/areas/values";

export type Standing = { status: string; lead: string };

/** Broken limits first, then guards that do not guard. Zero is only good where somebody reports it. */
export function limitsVerdict(open: number | null, nearMisses: number | null, guards: Cells[]): Standing {
  const bad = guards.filter((row) => ["silent", "lets_breaches_pass"].includes(textOf(row["verdict"])));
  if (open !== null && open > 0) {
    return { status: "critical", lead: `${open} ${open === 1 ? "limit is" : "limits are"} broken now.` };
  }
  if (bad.length > 0) {
    const told = bad.map((row) => `${textOf(row["limit"])} ${textOf(row["verdict"]).replaceAll("_", " ")}`);
    return { status: "critical", lead: `A guard does not guard: ${told.join(", ")}.` };
  }
  if (open === null) return { status: "unknown", lead: "Whether a limit is broken is not known." };
  if (nearMisses !== null && nearMisses > 0) {
    return { status: "degraded", lead: `No limit is broken; ${nearMisses} checks came near one.` };
  }
  const alive = guards.filter((row) => textOf(row["verdict"]) === "alive").length;
  return { status: "healthy", lead: `No limit is broken; ${alive} of ${guards.length} guards are at work.` };
}

/** Whether an emergency measure is in force: the newest of the range says so. */
export function stopVerdict(activations: number | null, newest: Cells | undefined): Standing {
  if (newest !== undefined) {
    const change = [textOf(newest["from"]), textOf(newest["to"])].filter((each) => each !== "").join(" to ");
    const why = textOf(newest["reason"]);
    const lead = `An emergency measure was taken: ${textOf(newest["name"])}${change && ` (${change})`}${why && `, ${why}`}.`;
    return { status: "critical", lead };
  }
  if (activations === null) return { status: "unknown", lead: "Whether an emergency measure was taken is not known." };
  if (activations > 0)
    return { status: "critical", lead: `${activations} emergency measures were taken in this range.` };
  return { status: "healthy", lead: "No emergency measure was taken in this range." };
}

export function usedOf(limits: Cells[]): { name: string; p95: number | null; max: number | null }[] {
  return limits.map((row) => ({
    name: textOf(row["limit"]),
    p95: numberOf(row["utilization_ratio_p95"]),
    max: numberOf(row["utilization_ratio_max"]),
  }));
}
