import { Grid, Group, List, Text } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { Go } from "@/app/link";
import { Page } from "@/app/page";
import { useAddress, useRange } from "@/app/range";
import { formatMilliseconds, formatPercent, formatTime } from "@/format";
import { Answer, Empty, Figure, Figures } from "@/measure";
import { Flame } from "@/pages/traces/flame";
import { ModelCalls, TraceLogs } from "@/pages/traces/inside";
import { oneOf } from "@/pages/traces/query";
import { SpanFacts } from "@/pages/traces/span";
import { PartLinks } from "@/pages/traces/tabs";
import { Waterfall } from "@/pages/traces/waterfall";

const SOURCE = "otel_traces";
const VIEWS = ["waterfall", "flame", "path", "models", "logs"] as const;
const PARTS = [
  { value: "waterfall", text: "Waterfall" },
  { value: "flame", text: "Flame" },
  { value: "path", text: "Critical path" },
  { value: "models", text: "Model calls" },
  { value: "logs", text: "Logs" },
];

type Trace = Schemas["TraceDetail"];

/** One trace: what took its time, in words and drawn, and everything of each span. */
export function Detail({ traceId }: { traceId: string }) {
  const { environment } = useRange();
  const params = { path: { trace_id: traceId }, query: { environment } };
  const found = api.useQuery("get", "/api/v1/monitoring/traces/{trace_id}", { params });
  return (
    <Page title={`Trace ${traceId.slice(0, 8)}`} actions={<Go to="/traces">All traces</Go>}>
      <Answer query={found} what="the trace">
        {(data) => <Whole trace={data} />}
      </Answer>
    </Page>
  );
}

function Whole({ trace }: { trace: Trace }) {
  const [address] = useAddress();
  const view = oneOf(address.view, VIEWS) ?? "waterfall";
  const span = trace.waterfall.find((each) => each.span_id === address.span);
  return (
    <>
      <Verdict trace={trace} />
      <Facts trace={trace} />
      <PartLinks label="Views of the trace" name="view" parts={PARTS} />
      <Grid>
        <Grid.Col span={span === undefined ? 12 : { base: 12, lg: 8 }}>
          <Drawn trace={trace} view={view} />
        </Grid.Col>
        {span !== undefined && (
          <Grid.Col span={{ base: 12, lg: 4 }}>
            <SpanFacts trace={trace} span={span} />
          </Grid.Col>
        )}
      </Grid>
    </>
  );
}

function Drawn({ trace, view }: { trace: Trace; view: (typeof VIEWS)[number] }) {
  if (view === "flame") return <Flame frames={trace.flame} />;
  if (view === "path") return <Path trace={trace} />;
  if (view === "models") return <ModelCalls calls={trace.model_calls} />;
  if (view === "logs") return <TraceLogs trace={trace} />;
  return <Waterfall trace={trace} />;
}

/** What took the time, and whether the trace is whole. */
function Verdict({ trace }: { trace: Trace }) {
  const first = [...trace.critical_path].sort((one, other) => other.self_ms - one.self_ms)[0];
  const failed = trace.waterfall.filter((span) => span.failed).map((span) => span.service);
  const where = failed.length === 0 ? "" : ` It failed in ${[...new Set(failed)].slice(0, 3).join(", ")}.`;
  const longest =
    first === undefined
      ? "What took the time is not known."
      : `${first.service} (${first.operation}) took most of it: ${formatMilliseconds(first.self_ms)}, ${formatPercent(first.share_ratio)} of the whole.`;
  return (
    <div>
      <Text fw={600}>{`${formatMilliseconds(trace.duration_ms)}. ${longest}${where}`}</Text>
      <Notes trace={trace} />
    </div>
  );
}

function Notes({ trace }: { trace: Trace }) {
  const notes = [
    trace.truncated ? `Only the first ${trace.waterfall.length} spans are shown.` : "",
    trace.partial ? "More of the trace may still arrive." : "",
    trace.missing_parents > 0 ? `${trace.missing_parents} spans name a caller that is not there.` : "",
    ...trace.clock_skew.map(
      ({ caller, callee, offset_ms: offset }) =>
        `The clock of ${callee} differs from that of ${caller} by ${formatMilliseconds(offset)}.`,
    ),
  ].filter((note) => note !== "");
  if (notes.length === 0 && trace.linked_traces.length === 0) return null;
  return (
    <>
      <List size="sm">
        {notes.map((note) => (
          <List.Item key={note}>{note}</List.Item>
        ))}
      </List>
      {trace.linked_traces.length > 0 && (
        <Group gap="xs">
          <Text size="sm">Linked:</Text>
          {trace.linked_traces.map((id) => (
            <Go key={id} size="sm" to={`/traces/${id}`}>{`trace ${id.slice(0, 8)}`}</Go>
          ))}
        </Group>
      )}
    </>
  );
}

function Facts({ trace }: { trace: Trace }) {
  const { zone } = useRange();
  const calls = trace.model_calls;
  const whole = { samples: trace.spans, source: SOURCE };
  const models = { samples: calls.calls, source: calls.source };
  return (
    <Figures>
      <Figure
        label="Duration"
        value={trace.duration_ms}
        unit="ms"
        provenance={whole}
        hint={`began ${formatTime(trace.started_at, zone)}`}
      />
      <Figure
        label="Spans"
        value={trace.spans}
        unit="1"
        provenance={whole}
        hint={`of ${trace.services.length} services`}
      />
      <Figure label="Failed spans" value={trace.errors} unit="1" provenance={whole} />
      <Figure label="Model calls" value={calls.calls} unit="1" provenance={models} />
      <Figure
        label="Their cost"
        value={calls.calls === 0 ? null : calls.cost_usd}
        unit="usd"
        provenance={models}
        hint={calls.unpriced > 0 ? `${calls.unpriced} have no price` : undefined}
      />
    </Figures>
  );
}

/** The stretches that made the trace as long as it is. */
function Path({ trace }: { trace: Trace }) {
  const [, change] = useAddress();
  if (trace.critical_path.length === 0) return <Empty title="No critical path">The trace has too few spans.</Empty>;
  const { duration_ms: whole } = trace;
  return (
    <ol aria-label="Critical path" style={{ margin: 0, paddingInlineStart: "2.5em" }}>
      {trace.critical_path.map(({ span_id: id, service, operation, self_ms: own, share_ratio: share, hop }, index) => (
        <li key={`${id} ${index}`}>
          <Text
            component="button"
            type="button"
            size="sm"
            bg="transparent"
            bd={0}
            onClick={() => change({ span: id })}
            style={{ cursor: "pointer", textAlign: "start" }}
          >
            {`${service}: ${operation}, ${formatMilliseconds(own)} (${formatPercent(share)} of ${formatMilliseconds(whole)})`}
            {hop === "gap" ? ", nothing is known of this time" : ""}
          </Text>
        </li>
      ))}
    </ol>
  );
}
