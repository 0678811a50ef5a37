import { Rows } from "@/measure";
import { titled } from "@/format";
import { quietOnes } from "@/pages/signals/funnel";
import { Panel, Verdict } from "@/areas/parts";
import { textOf, type Cells, type Told } from "@/areas/values";

const COLUMNS = [
  "kind",
  "name",
  "verdict",
  "silent_s",
  "usual_gap_s",
  "usual_gaps",
  "probability",
  "rate_per_h",
  "expected_per_h",
  "events_unanswered",
];

/** Strategies, types and channels of which less comes than they usually give. */
export function Quiet({ data }: { data: Told<"SignalsDeepDive"> }) {
  const rhythm: Cells[] = data.rhythm?.items ?? [];
  const quiet = quietOnes(rhythm);
  const told = quietVerdict(rhythm, quiet);
  const others = rhythm.filter((row) => !quiet.includes(row));
  return (
    <Panel title="Too quiet" hint="Judged by each one's own usual gap, at the end of the range.">
      <Verdict status={told.status} lead={told.lead} />
      {rhythm.length > 0 && (
        <Rows rows={[...quiet, ...others]} columns={COLUMNS} section={data.rhythm} label="Rhythm" limit={8} />
      )}
    </Panel>
  );
}

function quietVerdict(rhythm: Cells[], quiet: Cells[]): { status: string; lead: string } {
  const judged = rhythm.filter((row) => textOf(row["verdict"]) !== "unknown");
  if (judged.length === 0) return { status: "unknown", lead: "Too few signals to know what is usual." };
  if (quiet.length === 0) return { status: "healthy", lead: "Everything comes as often as usual." };
  const names = quiet.map((row) => textOf(row["name"]) || titled(textOf(row["kind"])));
  const silent = quiet.some((row) => textOf(row["verdict"]) === "silent" && textOf(row["kind"]) !== "channel");
  return { status: silent ? "degraded" : "unknown", lead: `Quieter than usual: ${names.join(", ")}.` };
}
