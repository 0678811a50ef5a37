import { Stack, Text } from "@mantine/core";
import type { Schemas } from "@/api/client";
import { Go } from "@/app/link";
import { useRange } from "@/app/range";
import { formatClock } from "@/format";
import { Empty, Measured } from "@/measure";
import { Cells } from "@/measure/Cells";

const CALLS = ["Service", "Provider", "Model", "Duration", "Input tokens", "Output tokens", "Cost", "Outcome"];

/** What models were asked within the trace, with tokens and money. */
export function ModelCalls({ calls }: { calls: Schemas["TraceModelCalls"] }) {
  if (calls.items.length === 0) return <Empty title="No model calls">No model was asked within this trace.</Empty>;
  const rows = calls.items.map((call, index) => {
    const provenance = { samples: 1, source: calls.source, estimated: call.estimated };
    return {
      key: String(index),
      cells: [
        <Go key="service" to={`/services/${call.service}`}>
          {call.service}
        </Go>,
        call.provider ?? "unknown",
        call.model ?? "unknown",
        <Measured key="ms" value={call.duration_ms} unit="ms" provenance={{ samples: 1, source: calls.source }} />,
        <Measured key="in" value={call.input_tokens} unit="{token}" provenance={provenance} />,
        <Measured key="out" value={call.output_tokens} unit="{token}" provenance={provenance} />,
        <Measured key="usd" value={call.cost_usd} unit="usd" provenance={provenance} />,
        call.failed ? "failed" : "answered",
      ],
    };
  });
  return <Cells label="Model calls" heads={CALLS} rows={rows} minWidth={860} />;
}

/** What the services logged within the trace. */
export function TraceLogs({ trace }: { trace: Schemas["TraceDetail"] }) {
  const { zone } = useRange();
  if (trace.logs.length === 0) return <Empty title="No log records">Nothing was logged within this trace.</Empty>;
  const rows = trace.logs.map((log) => ({
    key: log.id,
    cells: [
      formatClock(log.at, zone),
      log.severity ?? "unknown",
      log.service,
      log.body || log.event_name,
      spanOf(trace, log),
    ],
  }));
  return (
    <Stack gap="xs">
      <Text size="sm">
        {trace.logs_truncated ? `The first ${trace.logs.length} records. ` : ""}
        <Go to="/logs" search={{ trace: trace.trace_id }}>
          Search among them
        </Go>
      </Text>
      <Cells label="Log records of the trace" heads={["At", "Severity", "Service", "Record", "Span"]} rows={rows} />
    </Stack>
  );
}

function spanOf(trace: Schemas["TraceDetail"], log: Schemas["LinkedLog"]) {
  if (log.span_id === null) return "";
  const named = trace.waterfall.find((span) => span.span_id === log.span_id)?.operation;
  return (
    <Go to={`/traces/${trace.trace_id}`} search={{ span: log.span_id }}>
      {named ?? log.span_id}
    </Go>
  );
}
