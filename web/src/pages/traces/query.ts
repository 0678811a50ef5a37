import type { paths } from "@/api/schema";
import type { Address } from "@/app/address";
import { asked, type Range } from "@/app/range";

export type TracesQuery = NonNullable<paths["/api/v1/monitoring/traces"]["get"]["parameters"]["query"]>;

const TEXTS = [
  "user",
  "service",
  "operation",
  "feature",
  "cohort",
  "outcome",
  "model",
  "exchange",
  "signal",
  "order",
  "decision",
  "conversation",
  "trace",
] as const;
const BOUNDS = ["from_ms", "to_ms"] as const;
export const STATES = ["ok", "error"] as const;

/** The names of an address that say which traces are wanted. */
export const FILTERS = [...TEXTS, ...BOUNDS, "status", "attribute"] as const;

/** What an address says of traces, as the API takes it. */
export function filtersOf(address: Address): Omit<TracesQuery, "window" | "from" | "to" | "environment"> {
  const attribute = listed(address.attribute);
  const status = oneOf(address.status, STATES);
  return {
    ...texts(address, TEXTS),
    ...numbers(address, BOUNDS),
    ...(status === undefined ? {} : { status }),
    ...(attribute.length === 0 ? {} : { attribute }),
  };
}

export function tracesAsked(address: Address, range: Range): TracesQuery {
  const sort = oneOf(address.sort, ["newest", "slowest"] as const);
  return {
    ...asked(range),
    ...filtersOf(address),
    ...(sort === undefined ? {} : { sort }),
    ...texts(address, ["cursor"] as const),
  };
}

/** Those of the names that the address has a text for. */
export function texts<Name extends string>(address: Address, names: readonly Name[]): Partial<Record<Name, string>> {
  const held = names.flatMap((name) => {
    const text = address[name]?.trim();
    return text ? [[name, text] as const] : [];
  });
  return Object.fromEntries(held) as Partial<Record<Name, string>>;
}

function numbers<Name extends string>(address: Address, names: readonly Name[]): Partial<Record<Name, number>> {
  const held = Object.entries(texts(address, names)).map(([name, text]) => [name, Number(text)] as const);
  return Object.fromEntries(held.filter(([, value]) => Number.isFinite(value))) as Partial<Record<Name, number>>;
}

export function oneOf<Word extends string>(text: string | undefined, words: readonly Word[]): Word | undefined {
  return words.find((word) => word === text);
}

/** Several in one text are parted by semicolons: `exchange.id=kraken; user.plan=whale`. */
export function listed(text: string | undefined): string[] {
  return (text ?? "")
    .split(";")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
