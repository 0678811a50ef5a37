import { api } from "@/api/client";
import { useAsked } from "@/app/fresh";
import { Answer, Rows } from "@/measure";

const COLUMNS = ["at", "before", "after", "severity", "sentence", "rule", "member", "reason"] as const;

/** Every change of phase in the range, newest first. */
export function Changes() {
  const { range } = useAsked();
  const query = api.useQuery(
    "get",
    "/api/v1/monitoring/alerts/changes",
    { params: { query: { environment: range.environment, limit: 200 } } },
    { meta: { live: "alerts" } },
  );
  return (
    <Answer query={query} what="the changes">
      {({ items }) => (
        <Rows
          label="Changes of alerts"
          rows={items.map(({ alert, ...change }) => ({
            ...change,
            severity: alert.severity,
            sentence: alert.sentence,
            rule: alert.rule,
            member: alert.member,
          }))}
          columns={COLUMNS}
          limit={60}
          empty="No alert has changed."
        />
      )}
    </Answer>
  );
}
