import { Group, Stack, Text } from "@mantine/core";
import { api } from "@/api/client";
import { Go } from "@/app/link";
import { useRange } from "@/app/range";
import { formatTime } from "@/format";
import { Answer, Part, StatusBadge } from "@/measure";

const SHOWN = 5;

/** What is open now, the worst first. */
export function Incidents() {
  const { environment, zone } = useRange();
  const query = api.useQuery(
    "get",
    "/api/v1/monitoring/incidents",
    { params: { query: { environment } } },
    { meta: { live: "alerts" } },
  );
  return (
    <Part
      title="Open incidents"
      aside={
        <Go to="/incidents" fz="xs">
          All incidents
        </Go>
      }
    >
      <Answer query={query} what="the incidents">
        {({ items, next }) => (
          <Stack gap={6}>
            {items.length === 0 && <Text size="sm">None is open.</Text>}
            {items.slice(0, SHOWN).map((incident) => (
              <Group key={incident.id} gap="xs" align="flex-start" className="told">
                <StatusBadge status={incident.severity} />
                <div>
                  <Go to={`/incidents/${incident.id}`} fz="sm">
                    {incident.title}
                  </Go>
                  <Text size="xs" c="dimmed">
                    {incident.state} since {formatTime(incident.opened_at, zone)}, {incident.alerts_firing} alerts fire
                  </Text>
                </div>
              </Group>
            ))}
            {items.length > SHOWN && (
              <Text size="xs" c="dimmed">
                and {next === null ? items.length - SHOWN : "many"} more
              </Text>
            )}
          </Stack>
        )}
      </Answer>
    </Part>
  );
}
