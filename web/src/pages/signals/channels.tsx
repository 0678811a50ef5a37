import { SimpleGrid } from "@mantine/core";
import { Chart, groupedBarsOption, History, rowsCsv } from "@/charts";
import { Figure, Figures, Sections } from "@/measure";
import { Panel } from "@/areas/parts";
import { numberOf, type Cells, type Told } from "@/areas/values";

const tracesOf = () => ({ operation: "signal.deliver" });

type Props = { data: Told<"SignalsDeliveryDeepDive"> };

const FIGURES: [field: string, label: string, unit: string][] = [
  ["deliveries", "Deliveries", "1"],
  ["delivery_success_rate", "Accepted by the channel", "ratio"],
  ["delivered_ratio", "Delivered, where told", "ratio"],
  ["seen_ratio", "Seen, where told", "ratio"],
  ["retries", "Retries", "1"],
  ["dead_letters", "Dead letters", "1"],
];
const SHARES: [field: "accepted_ratio" | "delivered_ratio" | "seen_ratio", name: string][] = [
  ["accepted_ratio", "Accepted"],
  ["delivered_ratio", "Delivered"],
  ["seen_ratio", "Seen"],
];

/** Accepted is not delivered is not seen: three shares for each channel, unknown where it does not tell. */
export function Channels({ data }: Props) {
  const all = data.delivery;
  const values: Cells = all ?? {};
  return (
    <Panel
      title="Channels"
      hint="Accepted is not delivered, and delivered is not seen. A channel without receipts tells neither."
    >
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
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        <Shares data={data} />
        <History
          indicator="signal_intelligence.channel_attempt_p95"
          member="*"
          title="Time of an attempt p95 by channel"
          height={220}
          traces={tracesOf}
        />
      </SimpleGrid>
      <Sections data={data} omit={["delivery"]} />
    </Panel>
  );
}

function Shares({ data }: Props) {
  const channels = data.channels?.items ?? [];
  const groups = SHARES.map(([field, name]) => ({ name, values: channels.map((row) => row[field]) }));
  const rows = channels.map((row) => ({
    channel: row.channel,
    accepted_ratio: row.accepted_ratio,
    delivered_ratio: row.delivered_ratio,
    seen_ratio: row.seen_ratio,
  }));
  return (
    <Chart
      name="Delivery by channel"
      height={220}
      note="No bar: the channel gives no receipt."
      option={groupedBarsOption({ categories: channels.map((row) => row.channel), groups, unit: "ratio" })}
      csv={() => rowsCsv(rows)}
      empty={channels.length === 0 ? "Nothing was delivered in this range." : undefined}
    />
  );
}
