import { asked, useRange, type Range } from "@/app/range";

/** Ranges that a round of five seconds changes visibly; longer ones are asked again only when an alert changes. */
const QUICK = new Set(["5m", "15m", "1h"]);

type Asked = { params: { query: ReturnType<typeof asked> } };

/** What every question about the range of the address takes: its parameters, and how it follows the stream. */
export function useAsked(): { init: Asked; options: { meta: { live: boolean | "alerts" } }; range: Range } {
  const range = useRange();
  const fixed = range.from !== undefined;
  return {
    range,
    init: { params: { query: asked(range) } },
    options: { meta: { live: fixed ? false : QUICK.has(range.range) ? true : "alerts" } },
  };
}
