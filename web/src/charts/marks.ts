import { useMemo } from "react";
import { api, type Schemas } from "@/api/client";
import { asked, useRange } from "@/app/range";
import type { Mark } from "@/charts/types";

type Told = Schemas["MarkItem"];

/** The incidents, deployments and flags of the range that the address says. */
export function useMarks(): Mark[] {
  const range = useRange();
  const { data } = api.useQuery(
    "get",
    "/api/v1/monitoring/marks",
    { params: { query: asked(range) } },
    { meta: { live: "alerts" } },
  );
  return useMemo(() => marksOf(data?.items ?? []), [data]);
}

export function marksOf(items: readonly Told[]): Mark[] {
  return items.map((item) => ({
    at: item.at,
    until: item.until,
    kind: item.kind,
    text: item.text,
    ...(item.kind === "incident" ? { href: `/incidents/${item.subject}` } : {}),
  }));
}
