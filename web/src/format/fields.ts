/** What the name of a field says of its value: the unit stands last. */

const UNITS: readonly [ending: string, unit: string][] = [
  ["_per_hour_usd", "usd/h"],
  ["bytes_per_s", "By/s"],
  ["_per_s", "1/s"],
  ["_per_h", "1/h"],
  ["_per_hour", "1/h"],
  ["_usd", "usd"],
  ["_ms", "ms"],
  ["_s", "s"],
  ["_bps", "bps"],
  ["_bytes", "By"],
  ["_ratio", "ratio"],
];
// An interval's ends, and the same figure before: the unit stands in front of them.
const QUALIFIERS = /_(high|low|mean|max|min|p\d+|before|after)$/;
const SHARE = /(^|_)(error|success|hit|win|deny|reject)_rate(_|$)|_share$|^uptime|_uptime$/;
/** A unit that the value itself says, before what may stand behind it. */
const SAID = /_(usd|ms|s|bps|bytes|ratio)(?=$|_(?:high|low|mean|max|min|p\d+|before|after)$)/;
/** Parts of a name that people write in capitals. */
const CAPITALS: Record<string, string> = {
  ai: "AI",
  pnl: "P&L",
  id: "id",
  ece: "ECE",
  psi: "PSI",
  cpu: "CPU",
  slo: "SLO",
  usd: "USD",
  api: "API",
};

/** The unit of a field by its name; empty where it has none. `response_time_p95_ms` is `ms`, `error_rate` is `ratio`. */
export function unitOf(field: string): string {
  for (let name = field; ;) {
    const found = UNITS.find(([ending]) => name.endsWith(ending) || name === ending.slice(1));
    if (found !== undefined) return found[1];
    if (SHARE.test(name)) return "ratio";
    const shorter = name.replace(QUALIFIERS, "");
    if (shorter === name) return "";
    name = shorter;
  }
}

/** `response_time_p95_ms` as `Response time p95`: the unit is said by the value. */
export function labelOf(field: string): string {
  const name = field.replace(SAID, "");
  return titled(name.endsWith("_per") ? field : name);
}

/** `finish_reasons` as `Finish reasons`. */
export function titled(name: string): string {
  const words = name.split(/[_\s]+/).filter((word) => word !== "");
  const text = words.map((word) => CAPITALS[word] ?? word).join(" ");
  return text === "" ? name : text.charAt(0).toUpperCase() + text.slice(1);
}

/** Fields that hold a time. */
export function holdsTime(field: string): boolean {
  return /(^|_)at$|_since$|^since$|^last_seen$/.test(field);
}
