import { Text } from "@mantine/core";
import { Go } from "@/app/link";
import { Chart, funnelOption, rowsCsv } from "@/charts";
import { formatPercent, titled } from "@/format";
import { Figure, Figures, Rows } from "@/measure";
import { funnelSteps, worstHop } from "@/pages/signals/funnel";
import { Panel, useTraces } from "@/areas/parts";
import { numberOf, textOf, type Cells, type Told } from "@/areas/values";

type Props = { data: Told<"SignalsDeepDive"> };

const FIGURES: [field: string, label: string, unit: string][] = [
  ["signals_generated", "Signals generated", "1"],
  ["signal_latency_p95_ms", "Event to signal p95", "ms"],
  ["delivery_success_rate", "Deliveries accepted", "ratio"],
  ["dead_letters", "Dead letters", "1"],
  ["win_rate", "Win rate", "ratio"],
  ["pnl_usd", "Profit or loss", "usd"],
];

export function Overview({ data }: Props) {
  const all = data.signals;
  const values: Cells = all ?? {};
  return (
    <Figures>
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
  );
}

const HOP_COLUMNS = ["hop", "entered", "reached", "waiting", "dropped", "drop_ratio", "p50_ms", "p95_ms", "p99_ms"];

function hopName(field: string, row: Cells): string | undefined {
  return field === "hop" ? titled(textOf(row["hop"])) : undefined;
}

/** From the market event to the profit, with what is lost and how long it takes at each hop. */
export function Way({ data }: Props) {
  const traces = useTraces();
  const pipeline: Cells[] = data.pipeline?.items ?? [];
  const steps = funnelSteps(pipeline, data.performance?.items ?? []);
  const worst = worstHop(pipeline);
  return (
    <Panel
      title="From the event to the profit"
      hint="Drop and median delay are of the hop that ends at a step. Orders and outcomes branch off from the passed
        signals. Profit counts judged signals, over the performance's own time."
    >
      {worst !== undefined && (
        <Text size="sm">
          {`Most is lost from ${titled(worst.hop).toLowerCase()}: ${formatPercent(worst.ratio)} (${worst.dropped} signals). `}
          <Go to="/traces" search={{ operation: "signal.generate" }} underline="always">
            Traces of signals
          </Go>
        </Text>
      )}
      <Chart
        name="Way of a signal"
        height={320}
        option={funnelOption({ steps })}
        csv={() => rowsCsv(steps)}
        onPoint={() => traces({ operation: "signal.generate" })}
        empty={steps.length === 0 ? "No market event came in this range." : undefined}
      />
      <Rows rows={pipeline} columns={HOP_COLUMNS} section={data.pipeline} label="Hops" cell={hopName} />
    </Panel>
  );
}
