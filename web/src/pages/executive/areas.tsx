import { Card, Group, SimpleGrid, Text } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { Go } from "@/app/link";
import { useRange } from "@/app/range";
import { areasOf, type AreaName } from "@/areas/names";
import { labelOf, unitOf } from "@/format";
import { Measured, provenanceOf, StatusBadge } from "@/measure";

type Health = Schemas["SystemHealth"];
type Incident = Schemas["IncidentItem"];

/** The areas, each with what it is like and why. */
export function Areas({ health }: { health: Health }) {
  const { environment } = useRange();
  const { data } = api.useQuery(
    "get",
    "/api/v1/monitoring/incidents",
    { params: { query: { environment } } },
    { meta: { live: "alerts" } },
  );
  return (
    <SimpleGrid
      cols={{ base: 1, xs: 2, md: 3, lg: 5 }}
      spacing="xs"
      verticalSpacing="xs"
      component="section"
      aria-label="Areas"
    >
      {areasOf(Object.keys(health.services)).map((area) => (
        <Area
          key={area.id}
          area={area}
          health={health}
          incident={data?.items.find((each) => each.areas.includes(area.id))}
        />
      ))}
    </SimpleGrid>
  );
}

function Area({ area, health, incident }: { area: AreaName; health: Health; incident: Incident | undefined }) {
  const found = Object.entries(health.services).find(([id]) => id === area.id)?.[1];
  const values = (found ?? {}) as Record<string, unknown>;
  const reason = found?.reasons[0]?.sentence;
  return (
    <Card withBorder padding="xs" data-area={area.id}>
      <Group justify="space-between" wrap="nowrap" gap={4}>
        <Go to={area.to} {...(area.search && { search: area.search })} fw={600} fz="sm">
          {area.title}
        </Go>
        <StatusBadge status={found?.status} />
      </Group>
      {area.figures.map((field) => (
        <Group key={field} justify="space-between" gap={4} wrap="nowrap">
          <Text size="xs" c="dimmed" truncate>
            {labelOf(field)}
          </Text>
          <Text component="span" size="xs">
            <Measured
              value={values[field] as number | null}
              unit={provenanceOf(found, field)?.unit ?? unitOf(field)}
              provenance={provenanceOf(found, field)}
              label={labelOf(field)}
            />
          </Text>
        </Group>
      ))}
      <Text size="xs" lineClamp={2} title={reason}>
        {reason ?? (found?.status === "healthy" ? "All within their bounds." : "Nothing was measured yet.")}
      </Text>
      {found !== undefined && found.status !== "healthy" && (
        <Cause incident={incident} service={reasonService(found.reasons)} />
      )}
    </Card>
  );
}

/** Where the cause is told: with the incident where there is one, else by asking for it. */
function Cause({ incident, service }: { incident: Incident | undefined; service: string | undefined }) {
  if (incident !== undefined) {
    return (
      <Go to={`/incidents/${incident.id}`} fz="xs" fw={600}>
        Incident and cause
      </Go>
    );
  }
  return (
    <Go to="/diagnose" search={service === undefined ? {} : { service }} fz="xs" fw={600}>
      Diagnose
    </Go>
  );
}

function reasonService(reasons: readonly { reason: string; subject: string }[]): string | undefined {
  return reasons.find((each) => each.reason.startsWith("service"))?.subject;
}
