/** Where a number comes from, as the API tells it: all of it, or what is known. */
export type Provenance = {
  unit?: string;
  samples?: number | null;
  window_s?: number | null;
  as_of?: string | null;
  source?: string | null;
  estimated?: boolean;
  interval?: readonly (number | null)[] | null;
  /** Why there is no number. */
  reason?: string | null;
};

/** What the card of a number tells of it. */
export type Told = {
  label: string;
  value: number | null;
  unit: string;
  provenance: Provenance | undefined;
  hint?: string | undefined;
};

const TOLD = new WeakMap<Element, Told>();

/** The ref of an element that shows a number: what its card will tell. */
export function telling(told: Told): (element: Element | null) => void {
  return (element) => {
    if (element !== null) TOLD.set(element, told);
  };
}

/** What the nearest number at or above an element tells. */
export function toldBy(element: Element | null): { element: Element; told: Told } | null {
  const found = element?.closest("[data-measured]") ?? null;
  const told = found === null ? undefined : TOLD.get(found);
  return found === null || told === undefined ? null : { element: found, told };
}

/** Which of a section's fields an answer says the origin of; the section's own where it tells of all of them at once. */
export function provenanceOf(section: unknown, field: string): Provenance | undefined {
  if (typeof section !== "object" || section === null || !("provenance" in section)) return undefined;
  const found = section.provenance as Record<string, unknown> | null;
  if (found === null) return undefined;
  if (isProvenance(found[field])) return found[field];
  return isProvenance(found) ? found : undefined;
}

function isProvenance(found: unknown): found is Provenance {
  return typeof found === "object" && found !== null && ("samples" in found || "source" in found);
}
