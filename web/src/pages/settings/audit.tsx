import { api } from "@/api/client";
import { Answer, Part, Rows } from "@/measure";

/** What people did, newest first. */
export function Audit() {
  const query = api.useQuery("get", "/api/v1/monitoring/audit", { params: { query: { limit: 200 } } });
  return (
    <Part title="What people did">
      <Answer query={query} what="the audit log">
        {({ items }) => (
          <Rows
            label="Audit log"
            rows={items}
            columns={["at", "actor", "action", "subject", "reason"]}
            limit={60}
            empty="Nobody did anything."
          />
        )}
      </Answer>
    </Part>
  );
}
