import { Paper, Portal, Table, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import { useRange } from "@/app/range";
import { ageOf, formatAge, formatDuration, formatNumber, formatTime, formatValue } from "@/format";
import { toldBy, type Told } from "@/measure/provenance";

type Shown = { element: Element; told: Told; left: number; top: number; below: boolean };
const WIDTH = 320;
const ID = "provenance";
/** So long a pointer may be between a number and its card. */
const LEAVING_MS = 200;
const AGEING_MS = 1_000;

/** One card for all numbers of a page: under the pointer, or at what has the focus. Escape closes it. */
export function ProvenanceCard() {
  const [shown, show] = useState<Shown | null>(null);
  useShown(show);
  useAgeing(shown, show);
  const element = shown?.element;
  useEffect(() => {
    element?.setAttribute("aria-describedby", ID);
    return () => element?.removeAttribute("aria-describedby");
  }, [element]);
  if (shown === null) return null;
  const { told, left, top, below } = shown;
  return (
    <Portal>
      <Paper
        withBorder
        shadow="md"
        p="xs"
        id={ID}
        role="tooltip"
        className="provenance"
        style={{ left, width: WIDTH, ...(below ? { top } : { bottom: window.innerHeight - top }) }}
      >
        <Origin told={told} />
      </Paper>
    </Portal>
  );
}

/** Shows the card of what the pointer is over or what has the focus; it stays while the pointer is on the card itself. */
function useShown(show: (shown: Shown | null) => void): void {
  useEffect(() => {
    let leaving = 0;
    const look = (event: Event) => {
      const target = event.target instanceof Element ? event.target : null;
      window.clearTimeout(leaving);
      if (target?.closest(".provenance")) return;
      const found = toldBy(target);
      if (found !== null) show({ ...found, ...placed(found.element.getBoundingClientRect()) });
      else leaving = window.setTimeout(() => show(null), LEAVING_MS);
    };
    const hide = () => show(null);
    const keys = (event: KeyboardEvent) => {
      if (event.key === "Escape") hide();
    };
    const events = ["pointerover", "focusin"] as const;
    for (const name of events) document.addEventListener(name, look);
    document.addEventListener("keydown", keys);
    document.addEventListener("scroll", hide, true);
    return () => {
      window.clearTimeout(leaving);
      for (const name of events) document.removeEventListener(name, look);
      document.removeEventListener("keydown", keys);
      document.removeEventListener("scroll", hide, true);
    };
  }, [show]);
}

/** An open card ages, and tells the newest number when one comes; it goes with its number. */
function useAgeing(shown: Shown | null, show: (shown: Shown | null) => void): void {
  useEffect(() => {
    if (shown === null) return;
    const timer = window.setTimeout(() => {
      const found = shown.element.isConnected ? toldBy(shown.element) : null;
      show(found === null ? null : { ...shown, told: found.told });
    }, AGEING_MS);
    return () => window.clearTimeout(timer);
  }, [shown, show]);
}

function placed({ left, top, bottom }: DOMRect): { left: number; top: number; below: boolean } {
  const below = bottom + 220 < window.innerHeight;
  return { left: Math.max(8, Math.min(left, window.innerWidth - WIDTH - 8)), top: below ? bottom + 6 : top - 6, below };
}

/** A number and all that is known of where it comes from. */
export function Origin({ told }: { told: Told }) {
  const { zone } = useRange();
  const { label, value, unit, provenance, hint } = told;
  const rows = facts(provenance, zone, unit);
  return (
    <>
      <Text size="sm" fw={600}>
        {label === "" ? "" : `${label}: `}
        {formatValue(value, unit)}
      </Text>
      {hint !== undefined && <Text size="xs">{hint}</Text>}
      {value === null && <Text size="xs">{provenance?.reason ?? "Nothing was measured, so there is no number."}</Text>}
      <Table fz="xs" verticalSpacing={1} horizontalSpacing={0} withRowBorders={false}>
        <Table.Tbody>
          {rows.map(([name, text]) => (
            <Table.Tr key={name}>
              <Table.Th w={80} fw={400} c="dimmed">
                {name}
              </Table.Th>
              <Table.Td>{text}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </>
  );
}

function facts(provenance: Provenance | undefined, zone: "utc" | "local", unit: string): [string, string][] {
  if (provenance === undefined) return [["source", "told by the server without samples"]];
  const { samples, window_s, as_of, source, estimated, interval } = provenance;
  const age = ageOf(as_of, Date.now());
  const rows: [string, string | null][] = [
    ["samples", typeof samples === "number" ? formatNumber(samples) : null],
    ["window", typeof window_s === "number" ? formatDuration(window_s) : null],
    ["age", age === null ? null : `${formatAge(age)}, ${formatTime(as_of, zone)}`],
    ["source", source ?? null],
    ["95 %", intervalOf(interval, unit)],
    ["estimated", estimated === true ? "yes: calls were sampled, and counted by their weights" : null],
  ];
  return rows.filter((row): row is [string, string] => row[1] !== null);
}

function intervalOf(interval: Provenance["interval"], unit: string): string | null {
  const [low, high] = interval ?? [];
  if (typeof low !== "number" || typeof high !== "number") return null;
  return `${formatValue(low, unit)} to ${formatValue(high, unit)}`;
}

type Provenance = NonNullable<Told["provenance"]>;
