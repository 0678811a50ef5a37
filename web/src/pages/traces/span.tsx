import { Button, Code, Group, Stack, Table, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import type { Schemas } from "@/api/client";
import { Go } from "@/app/link";
import { useAddress, useRange } from "@/app/range";
import { formatMilliseconds, formatTime } from "@/format";
import { Panel } from "@/areas/parts";
import { Measured } from "@/measure";
import type { Span } from "@/pages/traces/spans";

const SOURCE = "otel_traces";
type Pairing = readonly [name: string, value: ReactNode];

/** Everything that is known of one span. */
export function SpanFacts({ trace, span }: { trace: Schemas["TraceDetail"]; span: Span }) {
  const { zone } = useRange();
  const [, change] = useAddress();
  const logs = trace.logs.filter((log) => log.span_id === span.span_id).length;
  const measured = (label: string, value: number) => (
    <Measured label={label} value={value} unit="ms" provenance={provenance} focus />
  );
  const provenance = { samples: 1, as_of: span.started_at, source: SOURCE };
  const facts: Pairing[] = [
    ["Began", `${formatTime(span.started_at, zone)}, ${formatMilliseconds(span.offset_ms)} after the trace`],
    ["Duration", measured("Duration", span.duration_ms)],
    ["Own time", measured("Own time", span.self_ms)],
    ["Critical", span.critical_ms > 0 ? measured("On the critical path", span.critical_ms) : "not on the path"],
    ["Kind", `${span.kind}, by ${span.hop}`],
    ["Status", span.failed ? `failed ${span.status_message ?? ""}` : span.status],
    ["Outcome", span.outcome],
    ["Feature", span.feature],
    ["Span", span.span_id],
    ["Caller", span.missing_parent ? `${span.parent_id}, not there` : span.parent_id],
  ];
  return (
    <Panel title={span.operation} hint={span.service}>
      <Group gap="sm">
        <Go size="sm" to={`/services/${span.service}`}>
          Service
        </Go>
        <Go size="sm" to="/traces" search={{ service: span.service, operation: span.operation }}>
          Traces like this
        </Go>
        <Go size="sm" to="/logs" search={{ trace: trace.trace_id, span: span.span_id }}>
          {logs === 0 ? "Logs" : `Logs (${logs} here)`}
        </Go>
        {span.user_id !== null && (
          <Go size="sm" to={`/user/${encodeURIComponent(span.user_id)}`}>
            {`User ${span.user_id}`}
          </Go>
        )}
        <Button size="compact-xs" variant="default" onClick={() => change({ span: undefined })}>
          Close
        </Button>
      </Group>
      <Pairs label="Facts" pairs={facts} />
      <Events events={span.events} />
      <Links links={span.links} />
      <Named title="Attributes" values={span.attributes} />
      <Named title="Resource" values={span.resource} />
      {span.redacted && <Text size="sm">Personal or secret values were taken out of it.</Text>}
    </Panel>
  );
}

function Links({ links }: { links: Span["links"] }) {
  if (links.length === 0) return null;
  return (
    <Stack gap={2}>
      <Title order={3} size="h6">
        Links
      </Title>
      {links.map((link) => (
        <Go key={link.span_id} size="sm" to={`/traces/${link.trace_id}`} search={{ span: link.span_id }}>
          {`Trace ${link.trace_id.slice(0, 8)}, span ${link.span_id.slice(0, 8)}`}
        </Go>
      ))}
    </Stack>
  );
}

function Events({ events }: { events: Span["events"] }) {
  if (events.length === 0) return null;
  return (
    <Stack gap={4}>
      <Title order={3} size="h6">
        Events
      </Title>
      {events.map((event, index) => (
        <details key={`${event.name} ${index}`}>
          <summary>{`${event.name}, ${formatMilliseconds(event.offset_ms)} after the trace began`}</summary>
          <Code block tabIndex={0}>
            {Object.entries(event.attributes)
              .map(([name, value]) => `${name}: ${value}`)
              .join("\n")}
          </Code>
        </details>
      ))}
    </Stack>
  );
}

function Named({ title, values }: { title: string; values: Record<string, string> }) {
  const pairs = Object.entries(values);
  if (pairs.length === 0) return null;
  return (
    <Stack gap={4}>
      <Title order={3} size="h6">
        {title}
      </Title>
      <Pairs label={title} pairs={pairs} />
    </Stack>
  );
}

/** Names and values, without those that are not known. */
export function Pairs({ label, pairs }: { label: string; pairs: readonly Pairing[] }) {
  return (
    <Table aria-label={label} verticalSpacing={2} fz="xs" layout="fixed">
      <Table.Tbody>
        {pairs
          .filter(([, value]) => value !== null && value !== "")
          .map(([name, value]) => (
            <Table.Tr key={name}>
              <Table.Th scope="row" style={{ overflowWrap: "anywhere" }}>
                {name}
              </Table.Th>
              <Table.Td style={{ overflowWrap: "anywhere" }}>{value}</Table.Td>
            </Table.Tr>
          ))}
      </Table.Tbody>
    </Table>
  );
}
