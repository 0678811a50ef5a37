import { SimpleGrid } from "@mantine/core";
import { barsOption, Chart, groupedBarsOption, rowsCsv } from "@/charts";
import { Sections } from "@/measure";
import { Panel, useTraces } from "@/areas/parts";
import { numberOf, textOf, type Cells, type Told } from "@/areas/values";

type Strategies = Told<"StrategiesDeepDive">;
type Props = { data: Strategies; signals: Told<"SignalsDeepDive"> | undefined };

const HEIGHT = 240;
const STATES = ["completed", "skipped", "failed"] as const;

/** How the runs of each strategy end, and how often its signals make money. */
export function Runs({ data, signals }: Props) {
  return (
    <Panel title="Strategies">
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        <States data={data} />
        <WinRates signals={signals} />
      </SimpleGrid>
      <Sections data={data} only={["executions"]} />
    </Panel>
  );
}

function useStrategyTraces(): (strategy: string) => void {
  const traces = useTraces();
  return (strategy) => traces({ operation: "strategy.execute", attribute: `strategy.id=${strategy}` });
}

function States({ data }: { data: Strategies }) {
  const lead = useStrategyTraces();
  const rows = data.executions?.items ?? [];
  const groups = STATES.map((state) => ({ name: state, values: rows.map((row) => row[state]) }));
  const csv = rows.map(({ strategy, completed, skipped, failed }) => ({ strategy, completed, skipped, failed }));
  return (
    <Chart
      note="Completed with an order, decided to do nothing, or failed."
      name="Runs of strategies by state"
      height={HEIGHT}
      option={groupedBarsOption({
        categories: rows.map((row) => row.strategy),
        groups,
        unit: "1",
        stacked: true,
      })}
      csv={() => rowsCsv(csv)}
      onPoint={lead}
      empty={rows.length === 0 ? "No strategy ran in this range." : undefined}
    />
  );
}

function WinRates({ signals }: { signals: Props["signals"] }) {
  const lead = useStrategyTraces();
  const all: Cells[] = signals?.performance?.items ?? [];
  const rows = all.filter((row) => textOf(row["kind"]) === "strategy");
  const bars = rows.map((row) => ({
    name: textOf(row["name"]),
    value: numberOf(row["win_rate"]),
    low: numberOf(row["win_rate_low"]),
    high: numberOf(row["win_rate_high"]),
  }));
  return (
    <Chart
      note="Share of judged signals that made money, with its 95 % interval."
      name="Win rate of strategies"
      height={HEIGHT}
      option={barsOption({ rows: bars, unit: "ratio" })}
      csv={() => rowsCsv(rows)}
      onPoint={lead}
      loading={signals === undefined}
      empty={rows.length === 0 ? "No signal was judged yet." : undefined}
    />
  );
}
