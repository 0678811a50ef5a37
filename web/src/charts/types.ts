import type { Zone } from "@/app/address";

/** A value at a time; `value` null where nothing was measured: the line has a gap there. */
export type Point = { at: string; value: number | null; samples?: number | null; estimated?: boolean };
export type Line = { name: string; points: readonly Point[]; colour?: string; dashed?: boolean };
/** Something that happened, to be marked on every chart of its range. */
export type Mark = {
  at: string;
  until?: string | null;
  kind: "incident" | "deployment" | "flag";
  text: string;
  href?: string;
};
export type { Zone };
