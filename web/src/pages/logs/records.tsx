import { Badge, Code, Text } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { useAsked } from "@/app/fresh";
import { Go } from "@/app/link";
import { useAddress, useRange } from "@/app/range";
import { Chart, seriesCsv, seriesOption, useMarks, useZoom } from "@/charts";
import { formatNumber, formatTime } from "@/format";
import { Answer, Empty } from "@/measure";
import { linesOf, logsAsked } from "@/pages/logs/query";
import { Paging } from "@/pages/traces/found";
import { Cells } from "@/measure/Cells";
import { Panel } from "@/areas/parts";

const HEADS = ["At", "Severity", "Service", "Record", "User", "Trace"];
const LOUD: Record<string, string> = { warn: "yellow", error: "red", fatal: "red" };

/** Records that fit the filters, newest first. */
export function Records() {
  const { range, options } = useAsked();
  const [address] = useAddress();
  const query = logsAsked(address, range);
  const found = api.useQuery("get", "/api/v1/monitoring/logs", { params: { query } }, options);
  return (
    <Answer query={found} what="log records">
      {(data) =>
        data.items.length === 0 ? (
          <Empty title="No record fits">Take filters away, or choose a longer range.</Empty>
        ) : (
          <>
            <Text fw={600}>{sentenceOf(data)}</Text>
            <OverTime items={data.items} />
            <RecordTable items={data.items} />
            <Paging next={data.next} />
          </>
        )
      }
    </Answer>
  );
}

function sentenceOf({ items, next, complete }: Schemas["LogList"]): string {
  const more = next === null ? "" : " There are more.";
  const part = complete ? "" : " Not all of the range was looked through.";
  return `${formatNumber(items.length)} records are listed, newest first.${more}${part}`;
}

function OverTime({ items }: { items: readonly Schemas["LogItem"][] }) {
  const { zone } = useRange();
  const marks = useMarks();
  const zoom = useZoom();
  const lines = linesOf(items);
  return (
    <Panel title="Severity over time" hint="Of the listed records. The patterns count all of the range.">
      <Chart
        name="Listed log records by severity"
        height={150}
        option={seriesOption({ lines, unit: "1", zone, shape: "bar", stacked: true })}
        csv={() => seriesCsv(lines)}
        marks={marks}
        onZoom={zoom}
      />
    </Panel>
  );
}

export function RecordTable({ items }: { items: readonly Schemas["LogItem"][] }) {
  const { zone } = useRange();
  const rows = items.map((item) => ({
    key: item.id,
    cells: [
      formatTime(item.at, zone),
      <Severity key="severity" severity={item.severity} />,
      <Go key="service" to={`/services/${item.service}`}>
        {item.service}
      </Go>,
      <Body key="body" item={item} />,
      item.user_id === null ? "" : <Go to={`/user/${encodeURIComponent(item.user_id)}`}>{item.user_id}</Go>,
      item.trace_id === null ? (
        ""
      ) : (
        <Go to={`/traces/${item.trace_id}`} search={{ span: item.span_id ?? undefined }}>
          {item.trace_id.slice(0, 8)}
        </Go>
      ),
    ],
  }));
  return <Cells label="Log records" heads={HEADS} rows={rows} minWidth={900} />;
}

export function Severity({ severity }: { severity: string | null }) {
  const colour = LOUD[severity ?? ""];
  return (
    <Badge variant="outline" size="sm" radius="sm" color={colour ?? "gray"} c="inherit">
      {severity ?? "unknown"}
    </Badge>
  );
}

function Body({ item }: { item: Schemas["LogItem"] }) {
  const text = item.body || item.event_name || "no text";
  const told = Object.entries(item.attributes).map(([name, value]) => `${name}: ${value}`);
  return (
    <details>
      <summary>{`${text}${item.cut ? " …" : ""}`}</summary>
      <Code block tabIndex={0}>
        {[...(item.event_name === null ? [] : [`event: ${item.event_name}`]), ...told].join("\n") || "no attributes"}
      </Code>
      {item.redacted && <Text size="xs">Personal or secret values were taken out of it.</Text>}
    </details>
  );
}
