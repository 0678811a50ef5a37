import type { Schemas } from "@/api/client";
import { Go } from "@/app/link";
import { useRange } from "@/app/range";
import { formatDuration, formatTime, titled } from "@/format";
import { Empty, Measured } from "@/measure";
import { timeOf } from "@/diagnosis/evidence";
import { Cells } from "@/measure/Cells";
import { Panel } from "@/areas/parts";

type Answered = Schemas["DiagnosisAnswer"];
const SOURCE = "otel_traces";
const HOPS = ["Hop", "Usual", "Now", "Added", "Share of what was added", "Failed usual", "Failed now", "Traces"];
const ODDS = ["What stands out", "Measure", "Now", "Usual", "Effect", "Chance", "Samples", "Look"];

/** Where on the way of a request the time or the failures were added. */
export function CriticalPath({ data }: { data: Answered }) {
  const when = timeOf({ since: data.window.from, until: data.window.to });
  const rows = data.path.map((hop) => {
    const samples = { samples: hop.traces, source: SOURCE };
    return {
      key: `${hop.service} ${hop.operation} ${hop.hop}`,
      cells: [
        <Go
          key="hop"
          to="/traces"
          search={{ ...when, service: hop.service, operation: hop.operation, sort: "slowest" }}
        >
          {`${hop.service}: ${hop.operation}`}
        </Go>,
        <Measured key="usual" value={hop.usual_ms} unit="ms" provenance={samples} />,
        <Measured key="now" value={hop.now_ms} unit="ms" provenance={samples} />,
        <Measured key="added" value={hop.added_ms} unit="ms" provenance={samples} />,
        <Measured key="ratio" value={hop.added_ratio} unit="ratio" provenance={samples} />,
        <Measured key="usual failed" value={hop.usual_failed} unit="1" provenance={samples} />,
        <Measured key="now failed" value={hop.now_failed} unit="1" provenance={samples} />,
        <Measured key="traces" value={hop.traces} unit="1" provenance={samples} />,
      ],
    };
  });
  return (
    <Panel title="Critical path">
      {rows.length === 0 ? (
        <Empty title="No path">Too few traces could be compared in this range.</Empty>
      ) : (
        <Cells label="Critical path" heads={HOPS} rows={rows} minWidth={940} />
      )}
    </Panel>
  );
}

/** Attributes that slow or failed requests have oftener than the others. */
export function Contrasts({ data }: { data: Answered }) {
  const when = timeOf({ since: data.window.from, until: data.window.to });
  const rows = data.contrasts.map((each) => {
    const provenance = { samples: each.samples, source: SOURCE };
    const unit = each.measure === "duration_ms" ? "ms" : "ratio";
    return {
      key: `${each.attribute} ${each.value} ${each.measure}`,
      cells: [
        `${each.attribute} = ${each.value}`,
        titled(each.measure),
        <Measured key="now" value={each.now} unit={unit} provenance={provenance} />,
        <Measured key="usual" value={each.usual} unit={unit} provenance={provenance} />,
        <Measured key="effect" value={each.effect} unit="1" provenance={provenance} />,
        <Measured key="chance" value={each.chance} unit="1" provenance={provenance} />,
        <Measured key="samples" value={each.samples} unit="1" provenance={provenance} />,
        <Go key="look" to="/traces" search={{ ...when, attribute: `${each.attribute}=${each.value}` }}>
          traces
        </Go>,
      ],
    };
  });
  return (
    <Panel title="Contrasts">
      {rows.length === 0 ? (
        <Empty title="No contrast">No attribute sets the slow or failed requests apart.</Empty>
      ) : (
        <Cells label="Contrasts" heads={ODDS} rows={rows} minWidth={900} />
      )}
    </Panel>
  );
}

/** What was changed about that time. */
export function Changes({ data }: { data: Answered }) {
  const { zone } = useRange();
  const rows = data.changes.map((change) => ({
    key: `${change.kind} ${change.subject} ${change.at}`,
    cells: [
      formatTime(change.at, zone),
      titled(change.kind),
      change.sentence,
      whenOf(change.before_onset_s),
      <Measured key="times" value={change.times} unit="1" provenance={{ source: "changes" }} />,
      <Go key="look" to={`/services/${change.service}`}>
        {change.service}
      </Go>,
    ],
  }));
  return (
    <Panel title="Changes">
      {rows.length === 0 ? (
        <Empty title="No change">Nothing was deployed, switched or set about that time.</Empty>
      ) : (
        <Cells
          label="Changes"
          heads={["At", "Kind", "Change", "Against the onset", "Times", "Service"]}
          rows={rows}
          minWidth={860}
        />
      )}
    </Panel>
  );
}

function whenOf(seconds: number): string {
  return `${formatDuration(Math.abs(seconds))} ${seconds >= 0 ? "before" : "after"}`;
}
