/** The part of the address that every page shares, and how an address is written and read. */

export type Zone = "utc" | "local";

/** Every value of an address is text; pages add their own names beside these. */
export type Address = Record<string, string | undefined>;

export const RANGES = ["5m", "15m", "1h", "6h", "24h", "7d", "30d"] as const;
export const DEFAULT_RANGE = "1h";
export const DEFAULT_ENVIRONMENT = "production";
/** What a link takes along to the next page. */
export const SHARED = ["range", "from", "to", "environment", "zone"] as const;

export function readAddress(text: string): Address {
  return Object.fromEntries(new URLSearchParams(text));
}

export function writeAddress(address: Record<string, unknown>): string {
  const kept = Object.entries(address).filter(([, value]) => typeof value === "string" && value !== "");
  const text = new URLSearchParams(kept as [string, string][]).toString();
  return text === "" ? "" : `?${text}`;
}

/** What a link takes along of the address where it stands. */
export function carried(address: Address): Address {
  return Object.fromEntries(SHARED.map((name) => [name, address[name]]));
}
