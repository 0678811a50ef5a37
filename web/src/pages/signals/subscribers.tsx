import { barsOption, Chart, rowsCsv } from "@/charts";
import { Figure, Figures, Rows } from "@/measure";
import { Panel } from "@/areas/parts";
import { numberOf, textOf, type Cells, type Told } from "@/areas/values";

const FIGURES: [field: string, label: string, unit: string][] = [
  ["subscriptions_active", "Subscriptions", "1"],
  ["subscribed", "Subscribed", "1"],
  ["cancelled", "Cancelled", "1"],
  ["churn_ratio", "Churn", "ratio"],
  ["subscribers_reached", "Subscribers reached", "1"],
];

/** Who wants signals, and who no longer does. */
export function Subscribers({ data }: { data: Told<"SignalsDeepDive"> }) {
  const all = data.subscribers;
  const values: Cells = all ?? {};
  const rows: Cells[] = (data.subscriptions?.items ?? []).filter((row) => textOf(row.channel) !== "");
  const bars = rows.map((row) => ({
    name: `${textOf(row["channel"])} ${textOf(row["plan"])}`,
    value: numberOf(row["churn_ratio"]),
    low: numberOf(row["churn_ratio_low"]),
    high: numberOf(row["churn_ratio_high"]),
  }));
  return (
    <Panel title="Subscribers and churn" hint="Churn of the range by channel and plan, with its 95 % interval.">
      <Figures columns={3}>
        {FIGURES.map(([field, label, unit]) => (
          <Figure
            key={field}
            label={label}
            value={numberOf(values[field])}
            unit={unit}
            provenance={all?.provenance[field]}
          />
        ))}
      </Figures>
      <Chart
        name="Churn by channel and plan"
        height={320}
        option={barsOption({ rows: bars, unit: "ratio" })}
        csv={() => rowsCsv(rows)}
        empty={rows.length === 0 ? "No subscription is known in this range." : undefined}
      />
      <Rows rows={rows} section={data.subscriptions} label="Subscriptions" limit={10} />
    </Panel>
  );
}
