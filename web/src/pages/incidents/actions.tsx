import { Button, Group } from "@mantine/core";
import { useState } from "react";
import { api, type Schemas } from "@/api/client";
import { useDone } from "@/app/done";
import { Chosen, Refused, Typed } from "@/app/form";
import { may, useSession } from "@/app/session";

const INCIDENT = "/api/v1/monitoring/incidents/{incident_id}";
type State = Schemas["StateWanted"]["state"];

/** What people on call do about an incident: take it, say how far it is, put two together. */
export function Actions({ data }: { data: Schemas["IncidentDetail"] }) {
  const operates = may(useSession(), "operate");
  const [reason, setReason] = useState("");
  const done = useDone();
  const { id, state, resolved_at } = data.incident;
  const path = { incident_id: id };
  const take = api.useMutation("post", "/api/v1/monitoring/acknowledgements", {
    onSuccess: () => done("The incident is yours: nobody else is told."),
  });
  const say = api.useMutation("post", `${INCIDENT}/state`, {
    onSuccess: () => done("The incident's state was changed."),
  });
  if (!operates) return null;
  return (
    <>
      <Group gap="xs" align="end" mt="xs">
        <Typed label="Reason" value={reason} onText={setReason} />
        {resolved_at === null && (
          <Button
            size="xs"
            loading={take.isPending}
            onClick={() => take.mutate({ body: { subject: `incident:${id}`, reason } })}
          >
            Acknowledge
          </Button>
        )}
        <Chosen
          label="State"
          data={["opened", "acknowledged", "mitigated", "resolved"]}
          value={state}
          disabled={say.isPending}
          onText={(text) => say.mutate({ params: { path }, body: { state: text as State, reason } })}
        />
        <Together id={id} reason={reason} />
      </Group>
      <Refused error={take.error ?? say.error} />
    </>
  );
}

/** Two incidents that are one, and one that should not have been. */
function Together({ id, reason }: { id: string; reason: string }) {
  const [into, setInto] = useState("");
  const done = useDone();
  const path = { incident_id: id };
  const merge = api.useMutation("post", `${INCIDENT}/merge`, {
    onSuccess: () => done("Both are one incident now. It can be undone."),
  });
  const undo = api.useMutation("post", `${INCIDENT}/undo`, {
    onSuccess: () => done("The newest merge or split was taken back."),
  });
  const why = reason === "" ? "the same trouble" : reason;
  return (
    <>
      <Typed label="Merge into" placeholder="id of an incident" value={into} onText={setInto} />
      <Button
        size="xs"
        variant="default"
        disabled={into === ""}
        loading={merge.isPending}
        onClick={() => merge.mutate({ params: { path }, body: { into, reason: why } })}
      >
        Merge
      </Button>
      <Button
        size="xs"
        variant="default"
        loading={undo.isPending}
        onClick={() => undo.mutate({ params: { path }, body: { reason } })}
      >
        Undo merge or split
      </Button>
      <Refused error={merge.error ?? undo.error} />
    </>
  );
}
