import { ScrollArea, Stack, Table, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Go } from "@/app/link";
import { useRange } from "@/app/range";
import { Empty, Measured, StatusBadge } from "@/measure";
import { Panel, useHealth, Verdict } from "@/areas/parts";
import { gapOf, standingOf, verdictOf, type Standing } from "@/pages/trading/standing";
import { originOf, textOf, type Told } from "@/areas/values";

type Trading = Told<"TradingDeepDive">;
type Execution = Told<"TradingExecutionDeepDive"> | undefined;
type MarketData = Told<"MarketDataDeepDive"> | undefined;
type Props = { trading: Trading; execution: Execution; market: MarketData; chosen: string };

const COLUMNS = [
  "Exchange",
  "Status",
  "Succeed",
  "Latency p95",
  "Slippage p95",
  "Rejects by reason",
  "Unknown",
  "Headroom",
  "Websocket",
  "Live − paper",
];

/** A row for each exchange: everything one wants to know of it, and why it is as it is. */
export function Exchanges({ trading, execution, market, chosen }: Props) {
  const health = useHealth(useRange()).data;
  const areas =
    health === undefined ? undefined : [health.services.trading_execution.reasons, health.services.market_data.reasons];
  const rows = (trading.exchanges?.items ?? []).map((row) => {
    const measured = (row.orders ?? 0) > 0;
    return { row, exchange: row.exchange, standing: standingOf(row.exchange, areas, measured) };
  });
  const verdict = verdictOf(rows);
  return (
    <Panel title="Exchanges">
      <Verdict status={verdict.status} lead={verdict.reason} />
      {rows.length === 0 ? (
        <Empty title="No orders">No order was sent in this range. Choose a longer range.</Empty>
      ) : (
        <ScrollArea type="auto" viewportProps={{ tabIndex: 0, "aria-label": "Exchanges, scrolls sideways" }}>
          <Table striped verticalSpacing={6} miw={980} data-table="exchanges">
            <Table.Thead>
              <Table.Tr>
                {COLUMNS.map((name) => (
                  <Table.Th key={name}>{name}</Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map(({ row, standing }) => (
                <Exchange
                  key={row.exchange}
                  row={row}
                  standing={standing}
                  chosen={chosen === row.exchange}
                  {...{ trading, execution, market }}
                />
              ))}
            </Table.Tbody>
          </Table>
        </ScrollArea>
      )}
    </Panel>
  );
}

type RowProps = Omit<Props, "chosen"> & {
  row: Told<"TradingExchangesRow">;
  standing: Standing;
  chosen: boolean;
};

function Exchange({ row, standing, chosen, trading, execution, market }: RowProps) {
  const { exchange, provenance } = row;
  const calls = market?.apis?.items.find((each) => each.exchange === exchange);
  return (
    <Table.Tr {...(chosen ? { "aria-current": true, fw: 600 } : {})}>
      <Head exchange={exchange} standing={standing} chosen={chosen} />
      <Cell>
        <Measured
          value={row.execution_success_rate}
          unit="ratio"
          provenance={provenance["execution_success_rate"]}
          label="Orders that succeed"
        />
      </Cell>
      <Cell>
        <Measured value={row.latency_p95_ms} unit="ms" provenance={provenance["latency_p95_ms"]} label="Latency p95" />
      </Cell>
      <Cell>
        <Measured
          value={row.slippage_p95_bps}
          unit="bps"
          provenance={provenance["slippage_p95_bps"]}
          label="Slippage p95"
        />
      </Cell>
      <Table.Td>
        <Rejects execution={execution} exchange={exchange} />
      </Table.Td>
      <Cell>
        <UnknownOrders trading={trading} exchange={exchange} />
      </Cell>
      <Cell>
        <Measured
          value={calls?.rate_limit_headroom}
          unit="ratio"
          provenance={calls?.provenance["rate_limit_headroom"]}
          label="Unused share of the rate limit"
        />
      </Cell>
      <Table.Td>
        <Websocket market={market} exchange={exchange} />
      </Table.Td>
      <Cell>
        <PaperGap execution={execution} exchange={exchange} />
      </Cell>
    </Table.Tr>
  );
}

/** Its name, which leads to its detail and back, and how it stands. */
function Head({ exchange, standing, chosen }: Of & { standing: Standing; chosen: boolean }) {
  return (
    <>
      <Table.Td>
        <Go to="/trading" search={{ exchange: chosen ? undefined : exchange }}>
          {exchange}
        </Go>
        {chosen && (
          <Text size="xs" c="dimmed">
            chosen
          </Text>
        )}
      </Table.Td>
      <Table.Td maw={260}>
        <StatusBadge status={standing.status} reason={standing.reason} />
        {standing.status !== "healthy" && (
          <Text size="xs" lineClamp={3} title={standing.reason}>
            {standing.reason}
          </Text>
        )}
      </Table.Td>
    </>
  );
}

function Cell({ children }: { children: ReactNode }) {
  return <Table.Td miw={84}>{children}</Table.Td>;
}

type Of = { exchange: string };

function Rejects({ execution, exchange }: Of & { execution: Execution }) {
  const refusals = execution?.refusals;
  if (refusals === undefined || refusals === null) return <Measured value={null} unit="1" label="Rejects" />;
  const own = refusals.items.filter((row) => textOf(row.exchange) === exchange);
  const origin = originOf(refusals, "1");
  if (own.length === 0)
    return <Measured value={0} unit="1" label="Rejects" {...(origin ? { provenance: origin } : {})} />;
  return (
    <Stack gap={0}>
      {own.map((row) => (
        <Text size="sm" key={`${textOf(row.ended)} ${textOf(row.reason)}`}>
          <Measured
            value={typeof row.orders === "number" ? row.orders : null}
            unit="1"
            {...(origin ? { provenance: { ...origin, samples: Number(row.of) } } : {})}
            label={`Orders ${textOf(row.ended)}`}
          />{" "}
          {textOf(row.reason).replaceAll("_", " ") || textOf(row.ended)}
        </Text>
      ))}
    </Stack>
  );
}

/** Orders of the exchange in the list of unknown ones; unknown while the list itself is not known. */
function UnknownOrders({ trading, exchange }: Of & { trading: Trading }) {
  const list = trading.unknown_orders;
  const known = list !== undefined && list !== null && typeof trading.unknown_states?.unknown_orders === "number";
  const origin = trading.unknown_states?.provenance["unknown_orders"];
  const count =
    known && list.next === null ? list.items.filter((row) => textOf(row.exchange) === exchange).length : null;
  return (
    <Measured value={count} unit="1" label="Orders in unknown state" {...(origin ? { provenance: origin } : {})} />
  );
}

function Websocket({ market, exchange }: Of & { market: MarketData }) {
  const feed = market?.connections?.items.find((row) => row.exchange === exchange);
  const state = feed?.connected === 1 ? "connected" : feed?.connected === 0 ? "down" : "unknown";
  return (
    <Stack gap={0}>
      <Text size="sm" {...(state === "unknown" ? { c: "dimmed" } : {})}>
        {state === "down" ? "✕ down" : state}
      </Text>
      <Text size="xs" component="span">
        up{" "}
        <Measured value={feed?.uptime} unit="ratio" provenance={feed?.provenance["uptime"]} label="Connection was up" />
      </Text>
    </Stack>
  );
}

/** The API compares paper and live by signal for all exchanges; by exchange it gives the slippage of both. */
function PaperGap({ execution, exchange }: Of & { execution: Execution }) {
  const markets = execution?.markets;
  const whole = markets !== undefined && markets !== null && markets.next === null;
  const gap = whole ? gapOf(markets.items, exchange) : null;
  const origin = markets?.items[0]?.provenance["avg_slippage_bps"];
  const samples = gap === null ? 0 : gap.live + gap.paper;
  const provenance =
    origin === undefined
      ? {}
      : {
          provenance: {
            ...origin,
            samples,
            interval: null,
            source: `${origin.source}; mean slippage of live orders less that of paper orders`,
          },
        };
  return <Measured value={gap?.value ?? null} unit="bps" label="Slippage, live less paper" {...provenance} />;
}
