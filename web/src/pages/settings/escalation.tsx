import { Stack, Text } from "@mantine/core";
import { Button } from "@mantine/core";
import { api } from "@/api/client";
import { Refused } from "@/app/form";
import { may, useSession } from "@/app/session";
import { formatTime } from "@/format";
import { useRange } from "@/app/range";
import { Answer, Part, Rows } from "@/measure";

/** Who is told when nobody takes an alert, and who is on call. */
export function Escalation() {
  const { zone } = useRange();
  const policies = api.useQuery("get", "/api/v1/monitoring/escalations", {}, { meta: { live: "alerts" } });
  const schedules = api.useQuery("get", "/api/v1/monitoring/schedules", {}, { meta: { live: "alerts" } });
  return (
    <Stack gap="md">
      <Answer query={policies} what="the policies">
        {(data) => (
          <>
            <Part title="Under way">
              <Rows label="Escalations under way" rows={data.running} empty="No escalation is under way." />
            </Part>
            {data.items.length === 0 && (
              <Text size="sm">
                No policy is set: alerts go to the channels that their rules name, and to nobody after them.
              </Text>
            )}
            {data.items.map((policy) => (
              <Part key={policy.id} title={`Policy ${policy.id}`}>
                <Text size="sm">{policy.sentence}</Text>
                <Rows
                  label={`Levels of ${policy.id}`}
                  rows={policy.levels.map((level, place) => ({ level: place + 1, ...level }))}
                />
                <Simulate id={policy.id} />
              </Part>
            ))}
          </>
        )}
      </Answer>
      <Answer query={schedules} what="the rotations">
        {({ items }) => (
          <Part title="On call">
            <Rows
              label="Rotations"
              rows={items.map((item) => ({
                id: item.id,
                sentence: item.sentence,
                now: item.now === null ? null : item.now.person,
                until: item.now === null ? null : formatTime(item.now.ends_at, zone),
                people: item.people.map((person) => person.name),
              }))}
              empty="No rotation is set."
            />
          </Part>
        )}
      </Answer>
    </Stack>
  );
}

function Simulate({ id }: { id: string }) {
  const operates = may(useSession(), "operate");
  const run = api.useMutation("post", "/api/v1/monitoring/escalations/{policy_id}/simulate");
  if (!operates) return null;
  return (
    <>
      <Button
        size="compact-xs"
        variant="default"
        loading={run.isPending}
        onClick={() => run.mutate({ params: { path: { policy_id: id } }, body: {} as never })}
      >
        What would it do?
      </Button>
      <Refused error={run.error} />
      {run.data !== undefined && <Rows label="What it would do, told nobody" rows={run.data.items} limit={20} />}
    </>
  );
}
