import { Badge, Group, Stack, Switch, Text } from "@mantine/core";
import { api } from "@/api/client";
import { Go } from "@/app/link";
import { useAddress, useRange } from "@/app/range";
import { formatTime } from "@/format";
import { Answer, Part } from "@/measure";

/** What happened, oldest first; what has to do with it alone, or all of the environment. */
export function Timeline({ id }: { id: string }) {
  const { zone } = useRange();
  const [address, change] = useAddress();
  const all = address.timeline === "all";
  const query = api.useQuery(
    "get",
    "/api/v1/monitoring/incidents/{incident_id}/timeline",
    { params: { path: { incident_id: id }, query: all ? {} : { related: true } } },
    { meta: { live: "alerts" } },
  );
  return (
    <Part
      title="Timeline"
      aside={
        <Switch
          size="xs"
          label="All of the environment"
          checked={all}
          onChange={(event) => change({ timeline: event.currentTarget.checked ? "all" : undefined })}
        />
      }
    >
      <Answer query={query} what="the timeline">
        {({ items, left_out }) => (
          <Stack gap={4}>
            {items.map((item) => (
              <Group key={`${item.at}/${item.sentence}`} gap="xs" align="flex-start" className="told">
                <Text size="xs" c="dimmed" className="measured">
                  {formatTime(item.at, zone)}
                </Text>
                <Badge variant="outline" color="gray" size="xs" className="status">
                  {item.kind.replaceAll("_", " ")}
                </Badge>
                <Text size="xs">
                  {item.sentence}{" "}
                  {item.evidence.startsWith("trace:") && (
                    <Go to={`/traces/${item.evidence.slice("trace:".length)}`} fz="xs">
                      trace
                    </Go>
                  )}
                </Text>
              </Group>
            ))}
            {left_out > 0 && <Text size="xs">{left_out} more are left out.</Text>}
          </Stack>
        )}
      </Answer>
    </Part>
  );
}
