import { Group, Text } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { asked, useAddress, useRange } from "@/app/range";
import { formatNumber, titled } from "@/format";
import { Answer, Empty, Measured } from "@/measure";
import { MAIN, OTHERS } from "@/pages/traces/fields";
import { FilterForm, type Field } from "@/pages/traces/filterform";
import { filtersOf, listed, oneOf, texts } from "@/pages/traces/query";
import { Cells } from "@/measure/Cells";

const CHANGES = ["added", "missing", "slower", "faster", "more_often", "less_often", "failing"] as const;
const HEADS = [
  "Place",
  "Change",
  "Added",
  "Chance",
  "p50 usual",
  "p50 now",
  "In traces usual",
  "In traces now",
  "Failed now",
];
const GROUPS: readonly Field[] = [
  { name: "service", label: "Service" },
  { name: "feature", label: "Feature" },
  { name: "status", label: "Status", choices: ["", "error", "ok"].map((value) => ({ value, label: value || "any" })) },
  { name: "usual", label: "The other differs by", example: "status=ok; model=gpt-4o" },
  {
    name: "change",
    label: "Only places that are",
    choices: [{ value: "", label: "any" }, ...CHANGES.map((value) => ({ value, label: titled(value).toLowerCase() }))],
  },
];
const NAMED = new Set(GROUPS.map(({ name }) => name));
const MORE = [...MAIN, ...OTHERS].filter(({ name }) => !NAMED.has(name) && name !== "sort");

type Difference = Schemas["PlaceDifference"];

/** Two groups of traces held against each other, place by place. */
export function Comparison() {
  const range = useRange();
  const [address, change] = useAddress();
  const usual = listed(address.usual);
  const only = oneOf(address.change, CHANGES);
  const query = {
    ...asked(range),
    ...filtersOf(address),
    ...texts(address, ["usual_from", "usual_to", "cursor"] as const),
    ...(usual.length === 0 ? {} : { usual }),
    ...(only === undefined ? {} : { change: only }),
  };
  const found = api.useQuery("get", "/api/v1/monitoring/traces/compare", { params: { query } });
  return (
    <>
      <FilterForm label="Groups of traces" fields={GROUPS} more={MORE} address={address} change={change} />
      <Text size="sm" c="dimmed">
        The traces that fit are held against those that differ in what you say; without it, against the time before.
      </Text>
      <Answer query={found} what="the comparison">
        {(data) => (
          <>
            <Text fw={600}>{sentenceOf(data)}</Text>
            {data.items.length === 0 ? (
              <Empty title="No difference">Nothing differs between these groups as far as can be told.</Empty>
            ) : (
              <Cells
                label="Differences"
                heads={HEADS}
                rows={data.items.map((each) => rowOf(each, data.source))}
                minWidth={1100}
              />
            )}
          </>
        )}
      </Answer>
    </>
  );
}

function sentenceOf({ usual, now, enough, least_traces: least }: Schemas["Comparison"]): string {
  const groups = `${formatNumber(now.traces)} traces against ${formatNumber(usual.traces)} usual ones`;
  return enough ? `${groups}.` : `${groups}: too few to judge; each group wants ${least}.`;
}

function rowOf({ place, change, added_ms: added, chance, usual, now }: Difference, source: string) {
  const number = (key: string, value: number | null, unit: string, samples: number) => (
    <Measured key={key} value={value} unit={unit} provenance={{ samples, source }} />
  );
  return {
    key: place.join("\n"),
    cells: [
      <span key="place" title={place.join(" › ")}>
        {place.slice(-2).join(" › ")}
      </span>,
      titled(change),
      number("added", added, "ms", now.traces),
      number("chance", chance, "1", usual.traces + now.traces),
      number("usual", usual.duration_ms_p50, "ms", usual.traces),
      number("now", now.duration_ms_p50, "ms", now.traces),
      number("usual ratio", usual.traces_ratio, "ratio", usual.traces),
      number("now ratio", now.traces_ratio, "ratio", now.traces),
      <Group key="failed">{number("failed", now.failed_ratio, "ratio", now.traces)}</Group>,
    ],
  };
}
