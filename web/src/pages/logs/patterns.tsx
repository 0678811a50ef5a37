import { Badge, Group, Text } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { useAsked } from "@/app/fresh";
import { Go } from "@/app/link";
import { useAddress, useRange } from "@/app/range";
import { Chart, groupedBarsOption, rowsCsv } from "@/charts";
import { formatNumber, formatTime } from "@/format";
import { Answer, Empty, Measured } from "@/measure";
import { logsAsked, severitiesOf } from "@/pages/logs/query";
import { Severity } from "@/pages/logs/records";
import { Paging } from "@/pages/traces/found";
import { Cells } from "@/measure/Cells";
import { Panel } from "@/areas/parts";

const HEADS = ["Pattern", "Severity", "Now", "Before", "Services", "Last seen", "Traces"];

/** Records of the same words counted as one, now and in as long a time before. */
export function Patterns() {
  const { range, options } = useAsked();
  const [address, change] = useAddress();
  const query = logsAsked(address, range);
  const found = api.useQuery("get", "/api/v1/monitoring/logs/patterns", { params: { query } }, options);
  return (
    <Answer query={found} what="patterns of log records">
      {(data) => {
        const sums = severitiesOf(data.items);
        const fresh = data.items.filter((item) => item.new).length;
        return data.items.length === 0 ? (
          <Empty title="No record fits">Take filters away, or choose a longer range.</Empty>
        ) : (
          <>
            <Text fw={600}>
              {`${formatNumber(data.samples)} records, ${data.items.length} patterns listed, ${fresh} of them new against the time before.`}
              {data.complete ? "" : " Not all of the range was looked through."}
            </Text>
            <Panel title="Records by severity" hint="Of the listed patterns, now and in as long a time before.">
              <Chart
                name="Log records by severity"
                height={170}
                option={groupedBarsOption({
                  categories: sums.map(({ name }) => name),
                  groups: [
                    { name: "now", values: sums.map(({ now }) => now) },
                    { name: "before", values: sums.map(({ before }) => before) },
                  ],
                  unit: "1",
                })}
                csv={() => rowsCsv(sums)}
                onPoint={(severity) => change({ severity, tab: undefined })}
              />
            </Panel>
            <List data={data} />
            <Paging next={data.next} />
          </>
        );
      }}
    </Answer>
  );
}

function List({ data }: { data: Schemas["LogPatterns"] }) {
  const { zone } = useRange();
  const provenance = { samples: data.samples, source: data.source, estimated: data.estimated };
  const rows = data.items.map((item) => ({
    key: item.example_id,
    cells: [
      <Group key="template" gap={6}>
        <Text size="sm" title={item.example}>
          {item.template}
        </Text>
        {item.new && (
          <Badge size="xs" variant="outline" c="inherit">
            new
          </Badge>
        )}
      </Group>,
      <Severity key="severity" severity={item.severity} />,
      <Measured key="now" value={item.count} unit="1" provenance={provenance} />,
      <Measured key="before" value={item.count_before} unit="1" provenance={provenance} />,
      <span key="services" title={item.services.join(", ")}>
        {item.services.slice(0, 2).join(", ")}
        {item.services.length > 2 ? ` and ${item.services.length - 2} more` : ""}
      </span>,
      formatTime(item.last_seen, zone),
      <Group key="traces" gap={6}>
        {item.trace_ids.slice(0, 3).map((id) => (
          <Go key={id} to={`/traces/${id}`}>
            {id.slice(0, 6)}
          </Go>
        ))}
      </Group>,
    ],
  }));
  return <Cells label="Patterns" heads={HEADS} rows={rows} minWidth={900} />;
}
