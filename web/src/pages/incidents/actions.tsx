import { Button, Group, NativeSelect, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { api, sentenceOf, type Schemas } from "@/api/client";
import { useDone } from "@/app/done";
import { may, useSession } from "@/app/session";

const INCIDENT = "/api/v1/monitoring/incidents/{incident_id}";
type State = Schemas["StateWanted"]["state"];

/** What people on call do about an incident: take it, say how far it is, put two together. */
export function Actions({ data }: { data: Schemas["IncidentDetail"] }) {
  const operates = may(useSession(), "operate");
  const [reason, setReason] = useState("");
  const [into, setInto] = useState("");
  const done = useDone();
  const { id, state, resolved_at } = data.incident;
  const path = { incident_id: id };
  const take = api.useMutation("post", "/api/v1/monitoring/acknowledgements", { onSuccess: () => done("The incident is yours: nobody else is told.") });
  const say = api.useMutation("post", `${INCIDENT}/state`, { onSuccess: () => done("The incident's state was changed.") });
  const merge = api.useMutation("post", `${INCIDENT}/merge`, { onSuccess: () => done("Both are one incident now. It can be undone.") });
  const undo = api.useMutation("post", `${INCIDENT}/undo`, { onSuccess: () => done("The newest merge or split was taken back.") });
  const error = take.error ?? say.error ?? merge.error ?? undo.error;
  if (!operates) return null;
  return (
    <>
      <Group gap="xs" align="end" mt="xs">
        <TextInput size="xs" label="Reason" value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
        {resolved_at === null && (
          <Button size="xs" loading={take.isPending} onClick={() => take.mutate({ body: { subject: `incident:${id}`, reason } })}>
            Acknowledge
          </Button>
        )}
        <NativeSelect
          size="xs"
          label="State"
          data={["opened", "acknowledged", "mitigated", "resolved"]}
          value={state}
          disabled={say.isPending}
          onChange={(event) => say.mutate({ params: { path }, body: { state: event.currentTarget.value as State, reason } })}
        />
        <TextInput size="xs" label="Merge into" placeholder="id of an incident" value={into} onChange={(event) => setInto(event.currentTarget.value)} />
        <Button size="xs" variant="default" disabled={into === ""} loading={merge.isPending} onClick={() => merge.mutate({ params: { path }, body: { into, reason: reason === "" ? "the same trouble" : reason } })}>
          Merge
        </Button>
        <Button size="xs" variant="default" loading={undo.isPending} onClick={() => undo.mutate({ params: { path }, body: { reason } })}>
          Undo merge or split
        </Button>
      </Group>
      {error !== null && (
        <Text size="sm" c="red" role="alert">
          {sentenceOf(error)}
        </Text>
      )}
    </>
  );
}
