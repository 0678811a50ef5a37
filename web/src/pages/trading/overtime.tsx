import { useMemo } from "react";
import { api } from "@/api/client";
import { useAsked } from "@/app/fresh";
import { asked } from "@/app/range";
import { Chart, seriesCsv, seriesOption, useMarks, useZoom } from "@/charts";
import { before, useTraces } from "@/areas/parts";
import { rejectLines } from "@/pages/trading/standing";

/** Refused orders by reason. A point counts the five minutes before it. */
export function RejectsOverTime({ chosen }: { chosen: string }) {
  const { range, options } = useAsked();
  const marks = useMarks();
  const zoom = useZoom();
  const traces = useTraces();
  const query = { ...asked(range), indicator: "trading_execution.rejects_by_reason", member: "*" };
  const { data, isPending, error, refetch } = api.useQuery(
    "get",
    "/api/v1/monitoring/series",
    { params: { query } },
    options,
  );
  const lines = useMemo(() => rejectLines(data?.items ?? [], chosen), [data, chosen]);
  const option = useMemo(
    () =>
      seriesOption({
        lines,
        unit: "1",
        zone: range.zone,
        shape: "area",
        stacked: true,
        from: data?.from,
        to: data?.to,
      }),
    [lines, range.zone, data],
  );
  return (
    <Chart
      name={`Rejects by reason, ${chosen || "all exchanges"}`}
      height={220}
      option={option}
      csv={() => seriesCsv(lines)}
      marks={marks}
      onZoom={zoom}
      onPoint={(at) => traces({ ...before(at), status: "error", exchange: chosen || undefined })}
      loading={isPending}
      error={error}
      retry={() => void refetch()}
      note="A point counts the five minutes before it; where there is none, nothing was refused."
      empty={lines.length === 0 ? "No order was rejected or denied in this range." : undefined}
    />
  );
}
