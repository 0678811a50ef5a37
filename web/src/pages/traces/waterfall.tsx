import { Box, Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import type { Schemas } from "@/api/client";
import { useAddress } from "@/app/range";
import { formatMilliseconds } from "@/format";
import { Empty } from "@/measure";
import { oneOf } from "@/pages/traces/query";
import { rowAfter, rowsInSight, spansShown, type Span } from "@/pages/traces/spans";

const [ROW, HEIGHT, DEEPEST] = [24, 520, 14];
const SHOWN = ["all", "critical", "failed"] as const;
const NAME_SHARE = "minmax(150px, 36%) 1fr 76px";

type Trace = Schemas["TraceDetail"];

/** Each span as a row with its bar. What is on the critical path is marked; of many rows those in sight are drawn. */
export function Waterfall({ trace }: { trace: Trace }) {
  const [address, change] = useAddress();
  const shown = oneOf(address.show, SHOWN) ?? "all";
  const spans = spansShown(trace.waterfall, shown);
  return (
    <Stack gap="xs">
      <Group gap="sm">
        <SegmentedControl
          size="xs"
          aria-label="Spans shown"
          value={shown}
          onChange={(value) => change({ show: value === "all" ? undefined : value })}
          data={[
            { value: "all", label: "All spans" },
            { value: "critical", label: "Critical path" },
            { value: "failed", label: "Failed" },
          ]}
        />
        <Text size="sm">{`${spans.length} of ${trace.spans} spans. Up and down choose one; ◆ marks the critical path, ✕ a failure.`}</Text>
      </Group>
      {spans.length === 0 ? (
        <Empty title="None of these">No span of the trace is of this kind.</Empty>
      ) : (
        <Rows spans={spans} whole={trace.duration_ms} chosen={address.span} choose={(span) => change({ span })} />
      )}
    </Stack>
  );
}

type RowsProps = { spans: readonly Span[]; whole: number; chosen: string | undefined; choose: (id: string) => void };

function Rows({ spans, whole, chosen, choose }: RowsProps) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const at = spans.findIndex((span) => span.span_id === chosen);
  useEffect(() => {
    if (at >= 0 && box.current !== null) keepInSight(box.current, at);
  }, [at]);
  const [first, end] = rowsInSight(spans.length, top, HEIGHT, ROW);
  const listen = (event: KeyboardEvent) => {
    const row = rowAfter(event.key, at, spans.length, Math.floor(HEIGHT / ROW) - 1);
    const span = row === undefined ? undefined : spans[row];
    if (span === undefined) return;
    event.preventDefault();
    choose(span.span_id);
  };
  return (
    <Box
      ref={box}
      role="listbox"
      aria-label="Spans"
      tabIndex={0}
      aria-activedescendant={at >= first && at < end ? `span-${chosen}` : undefined}
      onKeyDown={listen}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      mah={HEIGHT}
      style={{ overflowY: "auto", position: "relative", border: "1px solid var(--mantine-color-default-border)" }}
    >
      <div role="presentation" style={{ height: first * ROW }} />
      {spans.slice(first, end).map((span, index) => (
        <Row
          key={span.span_id}
          span={span}
          whole={whole}
          chosen={span.span_id === chosen}
          place={{ "aria-posinset": first + index + 1, "aria-setsize": spans.length }}
          choose={choose}
        />
      ))}
      <div role="presentation" style={{ height: (spans.length - end) * ROW }} />
    </Box>
  );
}

function keepInSight(box: HTMLElement, row: number): void {
  const [above, below] = [row * ROW, (row + 1) * ROW];
  if (above < box.scrollTop) box.scrollTop = above;
  else if (below > box.scrollTop + box.clientHeight) box.scrollTop = below - box.clientHeight;
}

type RowProps = {
  span: Span;
  whole: number;
  chosen: boolean;
  place: { "aria-posinset": number; "aria-setsize": number };
  choose: (id: string) => void;
};

function Row({ span, whole, chosen, place, choose }: RowProps) {
  const critical = span.critical_ms > 0;
  const name = `${critical ? "◆ " : ""}${span.failed ? "✕ " : ""}${span.service}: ${span.operation}`;
  return (
    <div
      id={`span-${span.span_id}`}
      role="option"
      aria-selected={chosen}
      {...place}
      onClick={() => choose(span.span_id)}
      title={name}
      style={{
        display: "grid",
        gridTemplateColumns: NAME_SHARE,
        alignItems: "center",
        gap: 8,
        height: ROW,
        paddingInline: 6,
        cursor: "pointer",
        background: chosen ? "var(--mantine-color-default-hover)" : undefined,
        outline: chosen ? "2px solid var(--mantine-primary-color-filled)" : undefined,
        outlineOffset: -2,
      }}
    >
      <Text size="xs" truncate fw={critical ? 600 : 400} pl={Math.min(span.depth, DEEPEST) * 10}>
        {name}
      </Text>
      <Bar span={span} whole={whole} />
      <Text size="xs" ta="end">
        {formatMilliseconds(span.duration_ms)}
      </Text>
    </div>
  );
}

function Bar({ span, whole }: { span: Span; whole: number }) {
  const part = (ms: number) => `${Math.min(Math.max((ms / Math.max(whole, 0.001)) * 100, 0), 100)}%`;
  const colour = span.failed ? "red-6" : span.critical_ms > 0 ? "orange-5" : "blue-5";
  return (
    <div aria-hidden style={{ position: "relative", height: 10 }}>
      <div
        style={{
          position: "absolute",
          left: part(span.offset_ms),
          width: part(span.duration_ms),
          minWidth: 2,
          height: "100%",
          borderRadius: 2,
          background: `var(--mantine-color-${colour})`,
        }}
      />
    </div>
  );
}
