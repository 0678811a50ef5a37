import { Badge, Group, Stack, Text } from "@mantine/core";
import { api } from "@/api/client";
import { Go } from "@/app/link";
import { useAsked } from "@/app/fresh";
import { formatTime } from "@/format";
import { Answer, Part } from "@/measure";

const SHOWN = 8;

/** What changed in the range: deployments, flags, incidents. */
export function Changes() {
  const { init, range } = useAsked();
  const query = api.useQuery("get", "/api/v1/monitoring/marks", init, { meta: { live: "alerts" } });
  return (
    <Part
      title="What changed"
      aside={
        <Go to="/alerts/history" fz="xs">
          Every change of an alert
        </Go>
      }
    >
      <Answer query={query} what="the changes">
        {({ items }) => (
          <Stack gap={4}>
            {items.length === 0 && <Text size="sm">No deployment, flag or incident in this range.</Text>}
            {[...items]
              .reverse()
              .slice(0, SHOWN)
              .map((item) => (
                <Group key={`${item.kind}/${item.at}/${item.subject}`} gap="xs" align="flex-start" className="told">
                  <Badge variant="outline" color="gray" size="sm" className="status">
                    {item.kind}
                  </Badge>
                  <Text size="sm">
                    {formatTime(item.at, range.zone)}{" "}
                    {item.kind === "incident" ? (
                      <Go to={`/incidents/${item.subject}`} fz="sm">
                        {item.text}
                      </Go>
                    ) : (
                      item.text
                    )}
                  </Text>
                </Group>
              ))}
          </Stack>
        )}
      </Answer>
    </Part>
  );
}
