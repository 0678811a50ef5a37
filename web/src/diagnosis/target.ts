import type { Address } from "@/app/address";

export const KINDS = ["service", "feature", "endpoint", "alert", "incident"] as const;
export type Kind = (typeof KINDS)[number];
/** Where an answer is: on this page for a target, else on a page of its own. */
export type Target = { path: string; search: Address };

const AREA_PAGES: Record<string, string> = {
  ai: "/ai",
  trading: "/trading",
  signal: "/signals",
  cost: "/costs",
  risk: "/risk",
  credit: "/credits",
  strateg: "/strategies",
  resource: "/resources",
  emergency: "/emergency",
};
const INCIDENT = /\b\d{8}t\d{6}-[0-9a-f]{8}\b/i;
const TRACE = /\b[0-9a-f]{32}\b/i;
const FINGERPRINT = /\b[0-9a-f]{16}\b/i;
const NAMED =
  /\b(order|user|trace|signal|decision|conversation|feature|endpoint|service|alert|incident)\s+["']?([\w.:/-]+)/i;

/** What a question is about, as far as its words say: ids, names of services, or a word with a name after it. */
export function targetOf(question: string, services: readonly string[]): Target | undefined {
  const text = question.trim();
  const incident = INCIDENT.exec(text)?.[0];
  if (incident !== undefined) return here("incident", incident.toLowerCase());
  const trace = TRACE.exec(text)?.[0];
  if (trace !== undefined) return { path: `/traces/${trace.toLowerCase()}`, search: {} };
  const fingerprint = FINGERPRINT.exec(text)?.[0];
  if (fingerprint !== undefined) return here("alert", fingerprint.toLowerCase());
  const words = text.toLowerCase();
  const known = services.filter((id) => words.includes(id) || words.includes(id.replaceAll("_", " ")));
  const longest = known.sort((one, other) => other.length - one.length)[0];
  if (longest !== undefined) return here("service", longest);
  return named(text) ?? area(words);
}

function named(text: string): Target | undefined {
  const [, word = "", name = ""] = NAMED.exec(text) ?? [];
  if (name === "") return undefined;
  return chosenTarget(word.toLowerCase(), name);
}

/** The target of a kind that somebody chose. */
export function chosenTarget(kind: string, name: string): Target | undefined {
  const known = KINDS.find((each) => each === kind);
  if (known !== undefined) return here(known, name);
  if (kind === "user") return { path: `/user/${encodeURIComponent(name)}`, search: {} };
  if (kind === "trace") return { path: `/traces/${encodeURIComponent(name)}`, search: {} };
  if (kind === "area") return area(name.toLowerCase());
  return { path: "/traces", search: { [kind]: name } };
}

function area(words: string): Target | undefined {
  const found = Object.entries(AREA_PAGES).find(([word]) => new RegExp(`\\b${word}`).test(words));
  return found === undefined ? undefined : { path: found[1], search: {} };
}

function here(kind: Kind, name: string): Target {
  const others = Object.fromEntries(KINDS.map((each) => [each, undefined]));
  return { path: "/diagnose", search: { ...others, [kind]: name } };
}

/** What the address asks for. */
export function askedTarget(address: Address): Partial<Record<Kind, string>> | undefined {
  const kind = KINDS.find((each) => address[each]?.trim());
  return kind === undefined ? undefined : { [kind]: address[kind]?.trim() };
}

const PLACES: readonly [RegExp, (id: string) => string][] = [
  [/^services\/([^/]+)/, (id) => `/services/${id}`],
  [/^incidents\/([^/]+)/, (id) => `/incidents/${id}`],
  [/^runbooks\/([^/]+)/, (id) => `/emergency/${id}`],
  [/^traces\/([0-9a-f]{32})/, (id) => `/traces/${id}`],
  [/^user\/([^/]+)/, (id) => `/user/${id}`],
  [
    /^(alerts|incidents|services|traces|logs|risk|credits|strategies|resources|signals|trading|costs)\b/,
    (id) => `/${id}`,
  ],
  [/^ai-systems/, () => "/ai"],
  [/^market-data/, () => "/trading"],
  [/^series/, () => "/panels"],
];
const API = "/api/v1/monitoring/";

/** The page that shows what an address of the API answers. */
export function pageOf(link: string): Target | undefined {
  const url = new URL(link, "http://observatory");
  if (!url.pathname.startsWith(API)) return undefined;
  const rest = url.pathname.slice(API.length);
  for (const [form, path] of PLACES) {
    const found = form.exec(rest);
    if (found === null) continue;
    const { window, ...query } = Object.fromEntries(url.searchParams);
    return { path: path(found[1] ?? ""), search: { ...query, ...(window === undefined ? {} : { range: window }) } };
  }
  return undefined;
}
