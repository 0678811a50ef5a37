import { Paper, Portal, Table, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import { useRange } from "@/app/range";
import { ageOf, formatAge, formatDuration, formatNumber, formatTime, formatValue } from "@/format";
import { toldBy, type Told } from "@/measure/provenance";

type Shown = { told: Told; left: number; top: number; below: boolean };
const WIDTH = 320;

/** One card for all numbers of a page: under the pointer, or at what has the focus. Escape closes it. */
export function ProvenanceCard() {
  const [shown, show] = useState<Shown | null>(null);
  useEffect(() => {
    const look = (event: Event) => {
      const found = event.target instanceof Element ? toldBy(event.target) : null;
      show(found === null ? null : { told: found.told, ...placed(found.element.getBoundingClientRect()) });
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
      for (const name of events) document.removeEventListener(name, look);
      document.removeEventListener("keydown", keys);
      document.removeEventListener("scroll", hide, true);
    };
  }, []);
  if (shown === null) return null;
  const { told, left, top, below } = shown;
  return (
    <Portal>
      <Paper
        withBorder
        shadow="md"
        p="xs"
        role="tooltip"
        className="provenance"
        style={{ left, width: WIDTH, ...(below ? { top } : { bottom: window.innerHeight - top }) }}
      >
        <Origin told={told} />
      </Paper>
    </Portal>
  );
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
    ["95 %", interval?.length === 2 ? `${formatValue(interval[0], unit)} to ${formatValue(interval[1], unit)}` : null],
    ["estimated", estimated === true ? "yes: calls were sampled, and counted by their weights" : null],
  ];
  return rows.filter((row): row is [string, string] => row[1] !== null);
}

type Provenance = NonNullable<Told["provenance"]>;
