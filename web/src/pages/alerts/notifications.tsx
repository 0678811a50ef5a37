import { Button, Stack, Text } from "@mantine/core";
import { api } from "@/api/client";
import { useDone } from "@/app/done";
import { Refused } from "@/app/form";
import { may, useSession } from "@/app/session";
import { Answer, Part, Rows } from "@/measure";

const COLUMNS = [
  "created_at",
  "state",
  "channel",
  "kind",
  "severity",
  "title",
  "stage",
  "reason",
  "sent_at",
  "incident",
] as const;

/** Who was told, by which channel; and why somebody was not. */
export function Notifications() {
  const channels = api.useQuery("get", "/api/v1/monitoring/channels", {}, { meta: { live: "alerts" } });
  const query = api.useQuery(
    "get",
    "/api/v1/monitoring/notifications",
    { params: { query: { limit: 200 } } },
    { meta: { live: "alerts" } },
  );
  const operates = may(useSession(), "operate");
  return (
    <Stack gap="md">
      <Answer query={channels} what="the channels">
        {(data) => (
          <Part title="Channels">
            {data.problem !== "" && (
              <Text size="sm" c="red">
                {data.problem}
              </Text>
            )}
            <Text size="xs" c="dimmed">
              Each message goes through {data.stages.join(", ")}.
            </Text>
            <Rows
              label="Channels"
              rows={data.items.map((item) => ({ ...item, test: item.id }))}
              columns={[
                "id",
                "kind",
                "where",
                "state",
                "severities",
                "sent_at",
                "failed_at",
                "failures",
                "waiting",
                "given_up",
                "error",
                ...(operates ? (["test"] as const) : []),
              ]}
              titles={{ test: "" }}
              cell={(field, row) => (field === "test" ? <Test channel={row.id} /> : undefined)}
              empty="No channel is set, so nobody is told: how to set one stands in the documentation."
            />
          </Part>
        )}
      </Answer>
      <Answer query={query} what="the messages">
        {({ items }) => (
          <Part title="Messages, newest first">
            <Rows label="Messages" rows={items} columns={COLUMNS} limit={40} empty="None was sent or suppressed." />
          </Part>
        )}
      </Answer>
    </Stack>
  );
}

function Test({ channel }: { channel: string }) {
  const done = useDone();
  const send = api.useMutation("post", "/api/v1/monitoring/channels/{channel_id}/test", {
    onSuccess: () => done(`A message to ${channel} is on its way: the list of messages says what came of it.`),
  });
  return (
    <>
      <Button
        size="compact-xs"
        variant="default"
        loading={send.isPending}
        onClick={() => send.mutate({ params: { path: { channel_id: channel } } })}
      >
        Test
      </Button>
      <Refused error={send.error} />
    </>
  );
}
