import { SimpleGrid, Stack } from "@mantine/core";
import { Chart, heatOption, History, rowsCsv } from "@/charts";
import { Empty, Figure, Figures, Rows, Sections } from "@/measure";
import { AreaVerdict, Panel, useTraces, Verdict } from "@/areas/parts";
import { feedsVerdict } from "@/pages/trading/feeds";
import { numberOf, textOf, type Cells, type Told } from "@/areas/values";

type MarketData = Told<"MarketDataDeepDive">;
type Props = { data: MarketData; chosen: string };

const FEED_COLUMNS = [
  "exchange",
  "symbol",
  "verdict",
  "staleness_s",
  "usual_gap_s",
  "staleness_usual_gaps",
  "others_since",
  "connected",
  "newest_event_at",
  "reason",
];
const tracesOf = (exchange: string) => ({ exchange });
const DRAWN = ["overall", "feeds"];

/** Whether prices come, how late, and whether a feed that is still is quiet or broken. */
export function Market({ data, chosen }: Props) {
  const feeds: Cells[] = (data.feeds?.items ?? []).filter((row) => chosen === "" || textOf(row.exchange) === chosen);
  const verdict = feedsVerdict(feeds);
  return (
    <Panel
      title="Market data"
      hint="A feed is quiet when nothing comes and other venues do not trade either; broken when they do."
    >
      <AreaVerdict area="market_data" well="Prices come as they should." />
      <Verdict status={verdict.status} lead={verdict.reason} />
      <MarketFigures overall={data.overall} />
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        <Staleness feeds={feeds} />
        <History
          indicator="market_data.lag_p95"
          member={chosen || "*"}
          title="Lag p95 by exchange"
          height={220}
          traces={tracesOf}
        />
      </SimpleGrid>
      <Stack gap="sm">
        {feeds.length === 0 ? (
          <Empty title="No feed">No feed of this range is known.</Empty>
        ) : (
          <Rows rows={feeds} columns={FEED_COLUMNS} section={data.feeds} label="Feeds" limit={12} />
        )}
        <Sections data={data} omit={DRAWN} />
      </Stack>
    </Panel>
  );
}

function MarketFigures({ overall }: { overall: MarketData["overall"] }) {
  const shown: [field: keyof NonNullable<typeof overall>, label: string, unit: string][] = [
    ["exchanges_connected", "Exchanges connected", "1"],
    ["websocket_uptime", "Websocket uptime", "ratio"],
    ["data_staleness_max_ms", "Oldest newest price", "ms"],
    ["sequence_gaps", "Messages missing", "1"],
    ["candles_missing", "Candles missing", "1"],
    ["gaps_used", "Gaps that decisions used", "1"],
  ];
  return (
    <Figures columns={6}>
      {shown.map(([field, label, unit]) => (
        <Figure
          key={field}
          label={label}
          value={numberOf(overall?.[field])}
          unit={unit}
          {...(overall?.provenance[field] ? { provenance: overall.provenance[field] } : {})}
        />
      ))}
    </Figures>
  );
}

/** How old the newest price of each symbol is at each exchange. */
function Staleness({ feeds }: { feeds: Cells[] }) {
  const traces = useTraces();
  const columns = [...new Set(feeds.map((row) => textOf(row["symbol"])))].sort();
  const rows = [...new Set(feeds.map((row) => textOf(row["exchange"])))].sort();
  const cells = feeds.map((row): [number, number, number | null] => [
    columns.indexOf(textOf(row["symbol"])),
    rows.indexOf(textOf(row["exchange"])),
    numberOf(row["staleness_s"]),
  ]);
  return (
    <Chart
      name="Staleness of feeds"
      height={220}
      option={heatOption({ columns, rows, cells, unit: "s" })}
      csv={() =>
        rowsCsv(feeds.map(({ symbol, exchange, staleness_s, verdict }) => ({ symbol, exchange, staleness_s, verdict })))
      }
      onPoint={(_at, series) => traces(rows.includes(series) ? { exchange: series } : {})}
      note="Time since the newest event of each feed, at the end of the range."
      empty={cells.length === 0 ? "No feed of this range is known." : undefined}
    />
  );
}
