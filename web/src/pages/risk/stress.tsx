import { Chart, groupedBarsOption, rowsCsv } from "@/charts";
import { titled } from "@/format";
import { Rows } from "@/measure";
import { Panel, useTraces } from "@/areas/parts";
import { numberOf, textOf, type Cells, type Told } from "@/areas/values";

const COLUMNS = [
  "scenario",
  "tests",
  "failed",
  "loss_ratio_mean",
  "loss_ratio_max",
  "worst_portfolio_id",
  "portfolios",
  "p95_ms",
  "age_s",
];

/** What portfolios would lose if it came so. */
export function Stress({ data }: { data: Told<"RiskDeepDive"> }) {
  const traces = useTraces();
  const rows: Cells[] = data.stress?.items ?? [];
  const groups = [
    { name: "mean loss", values: rows.map((row) => numberOf(row["loss_ratio_mean"])) },
    { name: "worst loss", values: rows.map((row) => numberOf(row["loss_ratio_max"])) },
  ];
  return (
    <Panel title="Stress tests" hint="Loss as a share of the portfolio, by scenario.">
      <Chart
        name="Loss by scenario"
        height={220}
        option={groupedBarsOption({
          categories: rows.map((row) => titled(textOf(row["scenario"]))),
          groups,
          unit: "ratio",
        })}
        csv={() => rowsCsv(rows)}
        onPoint={() => traces({ operation: "risk.stress_test" })}
        empty={rows.length === 0 ? "No scenario was played through in this range." : undefined}
      />
      <Rows rows={rows} columns={COLUMNS} section={data.stress} label="Stress tests" />
    </Panel>
  );
}
