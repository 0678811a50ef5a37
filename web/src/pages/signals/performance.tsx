import { SegmentedControl } from "@mantine/core";
import { useAddress } from "@/app/range";
import { barsOption, Chart, reliabilityOption, rowsCsv } from "@/charts";
import { Rows } from "@/measure";
import { Panel, useTraces } from "@/areas/parts";
import { numberOf, textOf, type Cells, type Told } from "@/areas/values";

type Props = { data: Told<"SignalsDeepDive"> };

const COLUMNS = ["name", "judged", "won", "win_rate", "pnl_usd", "return_mean_ratio", "sharpe", "sharpe_days"];

/** How signals did, by strategy or type, with the interval of each number. */
export function Performance({ data }: Props) {
  const [address, change] = useAddress();
  const traces = useTraces();
  const kind = address["by"] === "type" ? "type" : "strategy";
  const rows: Cells[] = (data.performance?.items ?? []).filter((row) => textOf(row.kind) === kind);
  const bars = rows.map((row) => ({
    name: textOf(row["name"]),
    value: numberOf(row["win_rate"]),
    low: numberOf(row["win_rate_low"]),
    high: numberOf(row["win_rate_high"]),
  }));
  return (
    <Panel title="Performance" hint="Share of judged signals that made money, with its 95 % interval.">
      <SegmentedControl
        size="xs"
        w="fit-content"
        aria-label="Performance by"
        value={kind}
        data={[
          { value: "strategy", label: "by strategy" },
          { value: "type", label: "by type" },
        ]}
        onChange={(by) => change({ by: by === "strategy" ? undefined : by })}
      />
      <Chart
        name={`Win rate by ${kind}`}
        height={220}
        option={barsOption({ rows: bars, unit: "ratio" })}
        csv={() => rowsCsv(rows)}
        onPoint={(name) => traces({ attribute: `${kind === "type" ? "signal.type" : "strategy.id"}=${name}` })}
        empty={rows.length === 0 ? "No signal was judged yet." : undefined}
      />
      <Rows rows={rows} columns={COLUMNS} section={data.performance} label={`Performance by ${kind}`} />
      <Calibration data={data} />
    </Panel>
  );
}

/** Whether a signal that is 70 % sure is right in 70 of 100 cases. */
function Calibration({ data }: Props) {
  const rows: Cells[] = data.reliability?.items ?? [];
  const bins = rows.flatMap((row) => {
    const said = numberOf(row["mean_confidence"]);
    const right = numberOf(row["correct_ratio"]);
    if (said === null || right === null) return [];
    const low = numberOf(row["correct_ratio_low"]) ?? undefined;
    const high = numberOf(row["correct_ratio_high"]) ?? undefined;
    return [{ said, true_: right, low, high, samples: numberOf(row["samples"]) ?? 0 }];
  });
  return (
    <Chart
      name="Confidence of signals against truth"
      note="How often signals of a confidence were right."
      height={220}
      option={reliabilityOption({ curves: [{ name: "signals", bins }] })}
      csv={() => rowsCsv(rows)}
      empty={bins.length === 0 ? "Too few judged signals." : undefined}
    />
  );
}
