import { SegmentedControl, SimpleGrid } from "@mantine/core";
import { useAddress } from "@/app/range";
import { barsOption, Chart, groupedBarsOption, rowsCsv } from "@/charts";
import { Rows } from "@/measure";
import { bandsOf, liveVerdict } from "@/pages/strategies/standing";
import { Panel, Verdict } from "@/areas/parts";
import { textOf, type Cells, type Told } from "@/areas/values";

const SOURCES = ["live", "paper", "signals"];
const HEIGHT = 240;
const COLUMNS = [
  "strategy",
  "verdict",
  "trades",
  "return_ratio",
  "expected_ratio",
  "band_low_ratio",
  "band_high_ratio",
  "outside_since",
  "backtests",
  "backtest_trades",
  "backtest_service",
];

/** What strategies return, against the band that their backtests promise for as many trades. */
export function Expectation({ data }: { data: Told<"StrategiesDeepDive"> }) {
  const [address, change] = useAddress();
  const rows: Cells[] = data.live_vs_backtest?.items ?? [];
  const source = SOURCES.find((each) => each === address["source"]) ?? "live";
  const own = rows.filter((row) => textOf(row["source"]) === source);
  const verdict = liveVerdict(rows);
  return (
    <Panel
      title="Live, paper and backtest"
      hint="The band is what the backtests promise for as many trades as there were."
    >
      <Verdict status={verdict.status} lead={verdict.lead} />
      <SegmentedControl
        size="xs"
        w="fit-content"
        aria-label="Results of"
        value={source}
        data={SOURCES}
        onChange={(chosen) => change({ source: chosen === "live" ? undefined : chosen })}
      />
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        <Promised rows={own} source={source} />
        <Gap rows={rows} />
      </SimpleGrid>
      <Rows
        rows={own}
        columns={COLUMNS}
        section={data.live_vs_backtest}
        label={`Results of ${source} against backtests`}
      />
    </Panel>
  );
}

function Promised({ rows, source }: { rows: Cells[]; source: string }) {
  const bands = bandsOf(rows, source);
  const bars = bands.map(({ name, expected, low, high }) => ({ name, value: expected, low, high }));
  return (
    <Chart
      name={`Return that backtests promise, ${source}`}
      note="Expected return of as many trades, with its band."
      height={HEIGHT}
      option={barsOption({ rows: bars, unit: "ratio" })}
      csv={() => rowsCsv(bands)}
      empty={bands.length === 0 ? "No strategy has results and backtests in this range." : undefined}
    />
  );
}

/** The same strategies side by side: where live stays behind paper, execution or timing eats the return. */
function Gap({ rows }: { rows: Cells[] }) {
  const categories = [...new Set(rows.map((row) => textOf(row["strategy"])))];
  const groups = SOURCES.map((source) => {
    const bands = bandsOf(rows, source);
    return { name: source, values: categories.map((name) => bands.find((band) => band.name === name)?.live ?? null) };
  });
  return (
    <Chart
      name="Return, live beside paper"
      note="Return of all trades; each has its own number of trades, as the table says."
      height={HEIGHT}
      option={groupedBarsOption({ categories, groups, unit: "ratio" })}
      csv={() => rowsCsv(rows)}
      empty={categories.length === 0 ? "No strategy has results in this range." : undefined}
    />
  );
}
