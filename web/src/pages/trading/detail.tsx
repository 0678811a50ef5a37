import { Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { Go } from "@/app/link";
import { cascadeOption, Chart, histogramOption, History, rowsCsv } from "@/charts";
import { formatValue } from "@/format";
import { Empty, Figure, Figures, Rows } from "@/measure";
import { RejectsOverTime } from "@/pages/trading/overtime";
import { Below, Panel, useTraces } from "@/areas/parts";
import { costOf, shortfallParts } from "@/pages/trading/standing";
import { bucketsOf, numberOf, originOfRow, textOf, type Cells, type Told } from "@/areas/values";

type Props = { trading: Told<"TradingDeepDive">; chosen: string };

const HEIGHT = 220;
const tracesOf = (exchange: string) => ({ exchange });

/** What getting from the decision to the fill costs, and what is refused: of the chosen exchange, or of all. */
export function Detail({ trading, chosen }: Props) {
  const costs: Cells[] = trading.costs?.items ?? [];
  const named = chosen === "" ? "all exchanges" : chosen;
  return (
    <Panel
      title={`Detail of ${named}`}
      {...(chosen === "" ? { hint: "Choose an exchange in the table to see it alone." } : {})}
    >
      {chosen !== "" && (
        <Group gap="md">
          <Go to="/trading" search={{ exchange: undefined }}>
            Show all exchanges
          </Go>
          <Go to="/traces" search={{ exchange: chosen }}>
            {`Traces of ${chosen}`}
          </Go>
        </Group>
      )}
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        <Slippage costs={costs} chosen={chosen} />
        <Shortfall costs={costs} chosen={chosen} trading={trading} />
        <RejectsOverTime chosen={chosen} />
        <History
          indicator="trading_execution.exchange_latency_p95"
          member={chosen || "*"}
          title={`Latency p95 of market orders, ${named}`}
          height={220}
          traces={tracesOf}
        />
      </SimpleGrid>
      <Orders trading={trading} chosen={chosen} />
    </Panel>
  );
}

type CostProps = { costs: Cells[]; chosen: string };

/** How far the fill was from the price when the order was sent. */
function Slippage({ costs, chosen }: CostProps) {
  const traces = useTraces();
  const row = costOf(costs, "arrival_slippage", chosen);
  const buckets = bucketsOf(row?.["histogram"]);
  const lines = (["p50_bps", "p95_bps"] as const).flatMap((field) => {
    const value = numberOf(row?.[field]);
    return value === null ? [] : [{ value, text: field.slice(0, 3) }];
  });
  return (
    <Chart
      name={`Slippage, ${chosen || "all exchanges"}`}
      height={HEIGHT}
      option={histogramOption({ groups: [{ name: chosen || "all", buckets }], unit: "bps", lines })}
      csv={() => rowsCsv(buckets)}
      onPoint={() => traces(chosen === "" ? {} : { exchange: chosen })}
      note={`Fill against the price on arrival; ${samplesOf(row)}.`}
      empty={buckets.length === 0 ? "No fill in this range has a price on arrival." : undefined}
    />
  );
}

function samplesOf(row: Cells | undefined): string {
  const samples = numberOf(row?.["samples"]);
  return samples === null ? "samples unknown" : `${formatValue(samples, "1")} samples`;
}

/** The mean cost from the decision to the fill by its parts, as the API adds them up. */
function Shortfall({ costs, chosen, trading }: CostProps & { trading: Props["trading"] }) {
  const traces = useTraces();
  const parts = shortfallParts(costs, chosen);
  return (
    <Stack gap="xs" miw={0}>
      <Chart
        name={`From the decision to the fill, ${chosen || "all exchanges"}`}
        height={HEIGHT}
        option={cascadeOption({ parts, total: "Shortfall", unit: "bps" })}
        csv={() => rowsCsv(parts)}
        onPoint={() => traces(chosen === "" ? {} : { exchange: chosen })}
        note={`Mean shortfall by its parts; ${samplesOf(costOf(costs, "shortfall", chosen))}.`}
        empty={parts.length === 0 ? "No order in this range has all parts of its cost." : undefined}
      />
      <Figures columns={2}>
        <Cost trading={trading} chosen={chosen} measure="delay_cost" label="Delay until it was sent" />
        <Cost trading={trading} chosen={chosen} measure="arrival_slippage" label="Slippage after it was sent" />
      </Figures>
      <Text size="xs" c="dimmed">
        Both are parts of execution, each over the orders that have it; so they need not add up to it.
      </Text>
    </Stack>
  );
}

function Cost({ trading, chosen, measure, label }: Props & { measure: string; label: string }) {
  const row = costOf(trading.costs?.items ?? [], measure, chosen);
  const provenance = row && originOfRow(trading.costs, "bps", row, "mean_bps", "samples");
  return (
    <Figure label={label} value={numberOf(row?.["mean_bps"])} unit="bps" {...(provenance ? { provenance } : {})} />
  );
}

/** Orders of which nobody knows how they ended, those still awaited, and what was refused. */
function Orders({ trading, chosen }: Props) {
  const own = (rows: Cells[] | undefined) =>
    (rows ?? []).filter((row) => chosen === "" || textOf(row["exchange"]) === chosen);
  const unknown = own(trading.unknown_orders?.items);
  const waiting = own(trading.waiting?.items);
  const drops = own(trading.drops?.items);
  const told = typeof trading.unknown_states?.unknown_orders === "number";
  return (
    <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="lg">
      <Below title="Orders in unknown state" told="Sent, and no answer says what became of them.">
        {unknown.length > 0 ? (
          <Rows rows={unknown} section={trading.unknown_orders} label="Orders in unknown state" />
        ) : (
          <Empty title={told ? "None" : "Unknown"}>
            {told ? "Of every order it is known what became of it." : "The execution service does not report."}
          </Empty>
        )}
        {waiting.length > 0 && (
          <Rows rows={waiting} section={trading.waiting} label="Orders that wait for the exchange" />
        )}
      </Below>
      <Below title="Orders that went no further" told="By way of ending and reason, with the share of all orders.">
        {drops.length > 0 ? (
          <Rows rows={drops} section={trading.drops} label="Orders that went no further" />
        ) : (
          <Empty title="None">Every order of this range was filled.</Empty>
        )}
      </Below>
    </SimpleGrid>
  );
}
