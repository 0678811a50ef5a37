import { useEffect } from "react";

/** What keys do. `sequences` follow a `g`, as in `g e`. */
export type Keys = {
  single: Record<string, () => void>;
  sequences: Record<string, () => void>;
};

const LEADER = "g";
const PATIENCE_MS = 1_500;

/** Listens for keys wherever nobody types. */
export function useKeys(keys: Keys): void {
  useEffect(() => {
    let led = Number.NEGATIVE_INFINITY;
    const listen = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || types(event.target)) return;
      const follows = performance.now() - led < PATIENCE_MS;
      led = event.key === LEADER && !follows ? performance.now() : Number.NEGATIVE_INFINITY;
      const work = follows ? keys.sequences[event.key] : keys.single[event.key];
      if (work === undefined) return;
      event.preventDefault();
      work();
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, [keys]);
}

/** Whether keys pressed there are text, or choose from a list. */
function types(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}
