import { useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import type { Schemas } from "@/api/client";
import { useAlong } from "@/app/link";
import { useRange } from "@/app/range";
import { Chart, rowsCsv, scatterOption, useMarks, useZoom } from "@/charts";
import { took } from "@/pages/traces/durations";

const NAME = "Durations of the listed traces by time";

/** Traces by when they began and how long they took. The list below says the same to who cannot see it. */
export function Scatter({ items }: { items: readonly Schemas["TraceItem"][] }) {
  const { zone } = useRange();
  const navigate = useNavigate();
  const along = useAlong();
  const marks = useMarks();
  const zoom = useZoom();
  const dots = useMemo(() => items.map(dotOf), [items]);
  const option = useMemo(() => scatterOption({ dots, unit: "ms", zone }), [dots, zone]);
  return (
    <Chart
      name={NAME}
      height={180}
      option={option}
      marks={marks}
      csv={() => rowsCsv(dots)}
      onZoom={zoom}
      onPick={(id) => void navigate({ to: `/traces/${id}`, search: along })}
    />
  );
}

function dotOf(item: Schemas["TraceItem"]) {
  return {
    id: item.trace_id,
    at: item.started_at ?? item.matched_at,
    value: took(item),
    name: `${item.service ?? "trace"} ${item.operation ?? ""}`.trim(),
    failed: item.failed === true,
  };
}
