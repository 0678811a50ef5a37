import { Group, Stack, Text } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { Go } from "@/app/link";
import { Page } from "@/app/page";
import { useRange } from "@/app/range";
import { Findings, Words } from "@/diagnosis/diagnosis";
import { formatTime } from "@/format";
import { Answer, Empty, Part, Rows, StatusBadge } from "@/measure";
import { Actions } from "./actions";
import { Impact } from "./impact";
import { Notes } from "./notes";
import { PostMortem } from "./postmortem";
import { Timeline } from "./timeline";

type Detail = Schemas["IncidentDetail"];
const MEMBERS = [
  "firing",
  "severity",
  "rule",
  "member",
  "sentence",
  "fired_at",
  "resolved_at",
  "reason",
  "runbook",
] as const;

/** One incident: what it is, why it came about, whom it harmed, what happened when, and what people do. */
export function Incident({ id }: { id: string }) {
  const of = { params: { path: { incident_id: id } } };
  const query = api.useQuery("get", "/api/v1/monitoring/incidents/{incident_id}", of, { meta: { live: "alerts" } });
  return (
    <Page title="Incident">
      <Answer query={query} what="this incident">
        {(data) => (
          <Stack gap="md">
            <Head data={data} />
            <Cause id={id} />
            <Part title="Alerts">
              <Rows
                label="Alerts of this incident"
                rows={data.members}
                columns={MEMBERS}
                titles={{ reason: "Why it is part of it" }}
              />
            </Part>
            <Impact id={id} />
            <Timeline id={id} />
            <Notes subject={`incident:${id}`} />
            <Similar data={data} />
            <PostMortem id={id} />
          </Stack>
        )}
      </Answer>
    </Page>
  );
}

function Head({ data }: { data: Detail }) {
  const { zone } = useRange();
  const { incident } = data;
  return (
    <div>
      <Text fw={600} size="lg">
        <StatusBadge status={incident.severity} /> {incident.title}
      </Text>
      <Group gap="sm" mt={4}>
        <StatusBadge status={incident.state === "opened" ? "open" : incident.state} />
        <Text size="sm">
          since {formatTime(incident.opened_at, zone)}
          {incident.resolved_at !== null && `, over ${formatTime(incident.resolved_at, zone)}`};{" "}
          {incident.alerts_firing} of {incident.alerts.length} alerts fire
        </Text>
        {incident.services.map((service) => (
          <Go key={service} to={`/services/${service}`} fz="sm">
            {service}
          </Go>
        ))}
        {data.runbooks.map((runbook) => (
          <Go key={runbook} to={`/emergency/${runbook}`} fz="sm">
            runbook {runbook}
          </Go>
        ))}
      </Group>
      <details>
        <summary>Why these alerts are one incident</summary>
        <Text size="sm">{incident.reason}</Text>
      </details>
      <Actions data={data} />
    </div>
  );
}

function Cause({ id }: { id: string }) {
  const of = { params: { path: { incident_id: id } } };
  const query = api.useQuery("get", "/api/v1/monitoring/incidents/{incident_id}/diagnosis", of, {
    meta: { live: "alerts" },
  });
  const summary = api.useQuery("get", "/api/v1/monitoring/incidents/{incident_id}/summary", of, {
    meta: { live: "alerts" },
  });
  return (
    <section aria-label="Cause">
      <Answer query={query} what="the cause" height={160}>
        {(data) => (
          <Findings
            data={data}
            again={() => void query.refetch()}
            busy={query.isFetching}
            summary={<Words query={summary} />}
          />
        )}
      </Answer>
    </section>
  );
}

function Similar({ data }: { data: Detail }) {
  return (
    <Part title="Earlier ones like it">
      {data.similar.length === 0 ? (
        <Empty title="None is known">The first of its kind, or its history is older than what is kept.</Empty>
      ) : (
        <Rows
          label="Earlier incidents like it"
          rows={data.similar}
          cell={(field, row) =>
            field === "id" ? (
              <Go to={`/incidents/${row.id}`} fz="xs">
                {row.id}
              </Go>
            ) : undefined
          }
        />
      )}
    </Part>
  );
}
