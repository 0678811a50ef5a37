import { Button, Grid, Group, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { api, type Schemas } from "@/api/client";
import { useAsked } from "@/app/fresh";
import { Go } from "@/app/link";
import { useAddress, useRange } from "@/app/range";
import { Chart, histogramOption, rowsCsv } from "@/charts";
import { formatNumber, formatTime } from "@/format";
import { Answer, Empty, Measured } from "@/measure";
import { Panel } from "@/areas/parts";
import { bucketsOf, took } from "@/pages/traces/durations";
import { MAIN, OTHERS } from "@/pages/traces/fields";
import { FilterForm } from "@/pages/traces/filterform";
import { tracesAsked } from "@/pages/traces/query";
import { Scatter } from "@/pages/traces/scatter";
import { Cells } from "@/measure/Cells";

const SOURCE = "otel_traces";
const HEADS = ["Began", "Service", "Operation", "Duration", "Spans", "Errors", "Feature", "User", "Of its services"];

type TraceItem = Schemas["TraceItem"];

/** Search among traces: filters, how long what was found took, and the list. */
export function Found() {
  const { range, options } = useAsked();
  const [address, change] = useAddress();
  const query = tracesAsked(address, range);
  const found = api.useQuery("get", "/api/v1/monitoring/traces", { params: { query } }, options);
  return (
    <>
      <FilterForm label="Traces" fields={MAIN} more={OTHERS} address={address} change={change} />
      <Answer query={found} what="traces">
        {(data) =>
          data.items.length === 0 ? (
            <Empty title="No trace fits">Take filters away, or choose a longer range.</Empty>
          ) : (
            <>
              <Text fw={600}>{sentenceOf(data.total, data.items)}</Text>
              <Drawings items={data.items} />
              <List items={data.items} />
              <Paging next={data.next} />
            </>
          )
        }
      </Answer>
    </>
  );
}

function sentenceOf(total: Schemas["Total"], items: readonly TraceItem[]): string {
  const failed = items.filter((item) => item.failed === true).length;
  const least = total.complete ? "" : "at least ";
  return `Found ${least}${formatNumber(total.at_least)}; ${items.length} are listed, of which ${failed} failed.`;
}

/** When each began and how long it took; and how the durations spread. */
function Drawings({ items }: { items: readonly TraceItem[] }) {
  const buckets = (failed: boolean) => bucketsOf(items.filter((item) => (item.failed === true) === failed).map(took));
  const groups = [
    { name: "ok or unknown", buckets: buckets(false) },
    { name: "failed", buckets: buckets(true) },
  ].filter((group) => group.buckets.length > 0);
  return (
    <Grid>
      <Grid.Col span={{ base: 12, lg: 7 }}>
        <Panel title="Duration by time" hint="Each point is one of the listed traces. Click leads to it.">
          <Scatter items={items} />
        </Panel>
      </Grid.Col>
      <Grid.Col span={{ base: 12, lg: 5 }}>
        <Panel title="Spread of durations" hint="Of the listed traces.">
          <Chart
            name="Durations of the listed traces"
            height={180}
            option={histogramOption({ groups, unit: "ms" })}
            csv={() => rowsCsv(groups.flatMap(({ name, buckets: all }) => all.map((bucket) => ({ name, ...bucket }))))}
          />
        </Panel>
      </Grid.Col>
    </Grid>
  );
}

function List({ items }: { items: readonly TraceItem[] }) {
  const { zone } = useRange();
  const rows = items.map((item) => ({
    key: item.trace_id,
    cells: [
      <Go key="id" to={`/traces/${item.trace_id}`} style={{ whiteSpace: "nowrap" }}>
        {formatTime(item.started_at ?? item.matched_at, zone)}
      </Go>,
      item.service === null ? "not known yet" : <Go to={`/services/${item.service}`}>{item.service}</Go>,
      item.operation ?? "not known yet",
      <Took key="took" item={item} />,
      <Measured key="spans" value={item.spans} unit="1" label="Spans" provenance={{ source: SOURCE }} />,
      <Errors key="errors" item={item} />,
      item.feature ?? "",
      item.user_id === null ? (
        ""
      ) : (
        <Go to={`/user/${encodeURIComponent(item.user_id)}`} style={{ whiteSpace: "nowrap" }}>
          {item.user_id}
        </Go>
      ),
      item.services.length === 0 ? "" : <span title={item.services.join(", ")}>{servicesOf(item.services)}</span>,
    ],
  }));
  return <Cells label="Traces found" heads={HEADS} rows={rows} minWidth={1100} />;
}

function servicesOf([first, ...others]: readonly string[]): string {
  return others.length === 0 ? (first ?? "") : `${first} and ${others.length} more`;
}

function Took({ item }: { item: TraceItem }) {
  const whole = item.duration_ms !== null;
  return (
    <>
      <Measured
        value={took(item)}
        unit="ms"
        label={whole ? "Duration of the trace" : "Duration of the span that fits"}
        provenance={{ samples: 1, source: SOURCE }}
      />
      {item.partial === true && " (in part)"}
    </>
  );
}

function Errors({ item }: { item: TraceItem }) {
  const failed = item.failed === true;
  return (
    <Group gap={4} wrap="nowrap">
      <Measured value={item.errors} unit="1" label="Failed spans" provenance={{ source: SOURCE }} />
      {failed && <Text size="xs">failed</Text>}
    </Group>
  );
}

/** The pages of a list, as the address says them. */
export function Paging({ next }: { next: string | null }) {
  const [address] = useAddress();
  const to = (cursor: string | undefined) => ({ ...address, cursor });
  return (
    <Group gap="xs">
      {address.cursor !== undefined && (
        <Button variant="default" size="xs" renderRoot={(props) => <Link {...props} to="." search={to(undefined)} />}>
          First page
        </Button>
      )}
      {next !== null && (
        <Button variant="default" size="xs" renderRoot={(props) => <Link {...props} to="." search={to(next)} />}>
          Next page
        </Button>
      )}
    </Group>
  );
}
