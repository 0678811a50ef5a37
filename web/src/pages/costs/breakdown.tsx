import { Anchor, Group, Stack } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { Chosen } from "@/app/form";
import { useAsked } from "@/app/fresh";
import { asked, useAddress } from "@/app/range";
import { Pair } from "@/areas/Grid";
import { Chart, rowsCsv, seriesCsv, seriesOption, treemapOption, useMarks, useZoom, type Line } from "@/charts";
import { Answer, Basis, Figure, Figures, Part, Rows } from "@/measure";

export const DIMENSIONS = [
  "category",
  "provider",
  "model",
  "service",
  "feature",
  "user",
  "cohort",
  "strategy",
  "conversation",
  "trace",
  "signal",
] as const;
type Dimension = (typeof DIMENSIONS)[number];
type Cost = Schemas["CostItem"];
const COLUMNS = [
  "cost_usd",
  "share_ratio",
  "change_usd",
  "ai_usd",
  "charged_usd",
  "calls",
  "input_tokens",
  "cache_read_tokens",
  "output_tokens",
  "charges",
  "calls_unpriced",
  "calls_untold",
] as const;
const MOST = 8;

/** Spending by one dimension or by a pair of them, in all and over time. */
export function Breakdown() {
  const [address, change] = useAddress();
  const by = (DIMENSIONS.find((each) => each === address.by) ?? "model") satisfies Dimension;
  const then = DIMENSIONS.find((each) => each === address.then && each !== by);
  const { init, options, range } = useAsked();
  const dimensions = then === undefined ? by : `${by},${then}`;
  const query = api.useQuery(
    "get",
    "/api/v1/monitoring/costs/breakdown",
    { params: { query: { ...init.params.query, by: dimensions } } },
    options,
  );
  const file = new URLSearchParams(
    Object.entries(asked(range)).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  return (
    <Stack gap="md">
      <Group align="end">
        <Chosen
          label="By"

          value={by}
          data={[...DIMENSIONS]}
          onText={(text) => change({ by: text })}
        />
        <Chosen
          label="and by"

          value={then ?? ""}
          data={["", ...DIMENSIONS.filter((each) => each !== by)]}
          onText={(text) => change({ then: text })}
        />
        <Anchor size="sm" href={`/api/v1/monitoring/costs/export.csv?${file.toString()}`} download>
          Export (FOCUS 1.2, CSV)
        </Anchor>
      </Group>
      <Answer query={query} what="the breakdown">
        {(data) => (
          <Stack gap="md">
            <Totals data={data} />
            <Pair>
              <Shares data={data} by={by} />
              <OverTime by={dimensions} />
            </Pair>
            <Part title={`By ${dimensions.replace(",", " and ")}`} note={<Basis section={data} />}>
              <Rows
                label={`Cost by ${dimensions}`}
                rows={flat(data.items)}
                columns={[by, ...(then === undefined ? [] : [then]), ...COLUMNS]}
                section={data}
                limit={25}
              />
            </Part>
          </Stack>
        )}
      </Answer>
    </Stack>
  );
}

function Shares({ data, by }: { data: Schemas["CostBreakdown"]; by: string }) {
  const nodes = data.items.map((item) => ({ name: nameOf(item), value: item.cost_usd ?? 0 }));
  const option = treemapOption({ nodes, unit: "usd" });
  return (
    <Part title="Shares" note={<Basis section={data} />}>
      <Chart name={`Cost by ${by}`} option={option} csv={() => rowsCsv(flat(data.items))} height={260} />
    </Part>
  );
}

function Totals({ data }: { data: Schemas["CostBreakdown"] }) {
  const { total, provenance } = data;
  return (
    <Figures columns={6}>
      <Figure label="Cost" value={total.cost_usd} unit="usd" provenance={provenance} />
      <Figure label="Change to the stretch before" value={total.change_usd} unit="usd" provenance={provenance} />
      <Figure label="Calls without a price" value={total.unpriced_ratio} unit="ratio" provenance={provenance} />
      <Figure label="Calls without token counts" value={total.untold_ratio} unit="ratio" provenance={provenance} />
      <Figure label="Cost of no told user" value={total.unattributed_ratio.user} unit="ratio" provenance={provenance} />
      <Figure
        label="Cost of no told feature"
        value={total.unattributed_ratio.feature}
        unit="ratio"
        provenance={provenance}
      />
    </Figures>
  );
}

function OverTime({ by }: { by: string }) {
  const { init, options, range } = useAsked();
  const [marks, zoom] = [useMarks(), useZoom()];
  const query = api.useQuery(
    "get",
    "/api/v1/monitoring/costs/breakdown",
    { params: { query: { ...init.params.query, by, step: stepOf(range.range), limit: 500 } } },
    options,
  );
  return (
    <Part title="Over time">
      <Answer query={query} what="the steps">
        {(data) => {
          const lines = linesOf(data.items);
          const option = seriesOption({
            lines,
            unit: "usd",
            zone: range.zone,
            shape: "bar",
            stacked: true,
            from: data.from,
            to: data.to,
          });
          return (
            <Chart
              name="Cost in each step"
              option={option}
              csv={() => seriesCsv(lines)}
              marks={marks}
              onZoom={zoom}
              height={260}
              note={data.more > 0 ? `${data.more} smaller amounts are left out` : undefined}
            />
          );
        }}
      </Answer>
    </Part>
  );
}

const STEPS: Record<string, string> = {
  "5m": "10s",
  "15m": "1m",
  "1h": "1m",
  "6h": "10m",
  "24h": "1h",
  "7d": "6h",
  "30d": "1d",
};

export function stepOf(range: string): string {
  return STEPS[range] ?? "1m";
}

/** A line for each of the dearest; the rest together. */
export function linesOf(items: readonly Cost[]): Line[] {
  const sums = new Map<string, number>();
  for (const item of items) sums.set(nameOf(item), (sums.get(nameOf(item)) ?? 0) + (item.cost_usd ?? 0));
  const first = [...sums]
    .sort((a, b) => b[1] - a[1])
    .slice(0, MOST)
    .map(([name]) => name);
  const times = [...new Set(items.map((item) => item.at ?? ""))].sort();
  const lines = [...first, ...(sums.size > MOST ? ["others"] : [])];
  return lines.map((name) => ({
    name,
    points: times.map((at) => {
      const found = items.filter(
        (item) => item.at === at && (name === "others" ? !first.includes(nameOf(item)) : nameOf(item) === name),
      );
      return {
        at,
        value: found.length === 0 ? null : found.reduce((sum, item) => sum + (item.cost_usd ?? 0), 0),
        samples: found.reduce((sum, item) => sum + item.calls + item.charges, 0),
      };
    }),
  }));
}

export function nameOf(item: Pick<Cost, "key">): string {
  return Object.values(item.key)
    .map((value) => (value === "" ? "none" : value))
    .join(", ");
}

function flat(items: readonly Cost[]): (Record<string, unknown> & Cost)[] {
  return items.map((item) => ({ ...item, ...item.key }));
}
