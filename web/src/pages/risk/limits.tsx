import { Chart, groupedBarsOption, rowsCsv } from "@/charts";
import { Empty, Rows } from "@/measure";
import { limitsVerdict, usedOf } from "@/pages/risk/standing";
import { Below, Panel, Verdict } from "@/areas/parts";
import { numberOf, type Cells, type Told } from "@/areas/values";

type Props = { data: Told<"RiskDeepDive"> };

const LIMIT_COLUMNS = [
  "limit",
  "checks",
  "breaches",
  "near_misses",
  "portfolios_beyond",
  "utilization_ratio_p95",
  "utilization_ratio_max",
];
const GUARD_COLUMNS = ["limit", "verdict", "checks_per_order", "silent_s", "overdue_checks", "proofs", "proofs_failed"];

/** How much of each limit is used, who broke one, and whether its guard is at work. */
export function Limits({ data }: Props) {
  const limits: Cells[] = data.limits?.items ?? [];
  const guards: Cells[] = data.guards?.items ?? [];
  const used = usedOf(limits);
  const open = numberOf(data.risk?.open_breaches);
  const verdict = limitsVerdict(open, numberOf(data.risk?.near_misses), guards);
  const groups = [
    { name: "p95", values: used.map((row) => row.p95) },
    { name: "most", values: used.map((row) => row.max) },
  ];
  return (
    <Panel title="Limits and breaches">
      <Verdict status={verdict.status} lead={verdict.lead} />
      <Chart
        name="Used share of limits"
        height={200}
        option={groupedBarsOption({ categories: used.map((row) => row.name), groups, unit: "ratio" })}
        csv={() => rowsCsv(used)}
        empty={used.length === 0 ? "No limit was checked in this range." : undefined}
      />
      <Rows rows={limits} columns={LIMIT_COLUMNS} section={data.limits} label="Limits" />
      <Breaches data={data} open={open} />
      <Below title="Guards" told="Whether each limit is really checked while orders flow.">
        <Rows rows={guards} columns={GUARD_COLUMNS} section={data.guards} label="Guards" />
      </Below>
    </Panel>
  );
}

function Breaches({ data, open }: Props & { open: number | null }) {
  const breaches: Cells[] = data.breaches?.items ?? [];
  const near: Cells[] = data.near_misses?.items ?? [];
  return (
    <Below title="Breaches" told="Of the last day, and checks that came near a limit.">
      {breaches.length > 0 ? (
        <Rows rows={breaches} section={data.breaches} label="Breaches" limit={10} />
      ) : (
        <Empty title={open === null ? "Unknown" : "None"}>
          {open === null ? "Nobody reports whether limits hold." : "No limit was broken."}
        </Empty>
      )}
      {near.length > 0 && <Rows rows={near} section={data.near_misses} label="Near misses" limit={10} />}
    </Below>
  );
}
