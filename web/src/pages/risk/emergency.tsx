import { api } from "@/api/client";
import { useAsked } from "@/app/fresh";
import { Go } from "@/app/link";
import { asked } from "@/app/range";
import { Answer, Figure, Figures, Rows } from "@/measure";
import { stopVerdict } from "@/pages/risk/standing";
import { Panel, Verdict } from "@/areas/parts";
import { textOf, type Cells } from "@/areas/values";

const COLUMNS = ["breaker", "state", "in_state_s", "trips", "open_s", "flapping", "last_reason"];
const MOST_ROWS = 50;

/** Whether trading was stopped, and which breakers hold something back. */
export function EmergencyStop() {
  const { range, options } = useAsked();
  const query = { ...asked(range), limit: MOST_ROWS };
  const params = { params: { query } };
  const answer = api.useQuery("get", "/api/v1/monitoring/emergency", params, options);
  return (
    <Panel title="Emergency stop">
      <Answer query={answer} what="the emergency manager">
        {(data) => {
          const all = data.emergency;
          const verdict = stopVerdict(all?.activations ?? null, data.activations?.items[0]);
          const breakers: Cells[] = data.breakers?.items ?? [];
          const open = breakers.filter((row) => textOf(row["state"]) !== "closed");
          return (
            <>
              <Verdict status={verdict.status} lead={verdict.lead} />
              <Figures columns={3}>
                <Figure
                  label="Emergency measures"
                  value={all?.activations}
                  unit="1"
                  provenance={all?.provenance["activations"]}
                />
                <Figure
                  label="Breakers open"
                  value={all?.breakers_open}
                  unit="1"
                  provenance={all?.provenance["breakers_open"]}
                />
                <Figure
                  label="Breaker trips"
                  value={all?.breaker_trips}
                  unit="1"
                  provenance={all?.provenance["breaker_trips"]}
                />
              </Figures>
              {breakers.length > 0 && (
                <Rows
                  rows={[...open, ...breakers.filter((row) => !open.includes(row))]}
                  columns={COLUMNS}
                  label="Breakers"
                  section={data.breakers}
                  limit={6}
                />
              )}
              <Go to="/emergency">Emergency: runbooks, failovers and measures</Go>
            </>
          );
        }}
      </Answer>
    </Panel>
  );
}
