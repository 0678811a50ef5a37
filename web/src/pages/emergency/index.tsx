import { List, Stack, Text } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { ApiLink } from "@/diagnosis/ApiLink";
import { useAsked } from "@/app/fresh";
import { Go } from "@/app/link";
import { usePart } from "@/app/part";
import { Page } from "@/app/page";
import { useRange } from "@/app/range";
import { Pair } from "@/areas/Grid";
import { AreaHead } from "@/areas/Head";
import { History } from "@/charts";
import { Answer, Basis, Fields, Part, Rows, Sections, StatusBadge } from "@/measure";

const FIRST = ["emergency", "recovery_procedures", "breakers", "incidents"];

/** What stopped, what holds it, and what to do. */
export function View() {
  const runbookId = usePart("runbookId");
  return runbookId === undefined ? <Emergency /> : <Runbook id={runbookId} />;
}

function Emergency() {
  const { init, options } = useAsked();
  const query = api.useQuery("get", "/api/v1/monitoring/emergency", init, options);
  const runbooks = api.useQuery("get", "/api/v1/monitoring/runbooks", {}, { meta: { live: "alerts" } });
  return (
    <Page title="Emergency">
      <AreaHead area="emergency" />
      <Answer query={query} what="the emergencies">
        {(data) => (
          <Stack gap="md">
            <Part title="Now" note={<Basis section={data.emergency} />}>
              <Fields section={data.emergency ?? {}} />
            </Part>
            <Part title="What to do" note={<Basis section={data.recovery_procedures} />}>
              <Rows
                label="Procedures for what is wrong now"
                rows={data.recovery_procedures?.items ?? []}
                columns={["runbook", "severity", "title", "means", "since", "verified", "verified_because"]}
                section={data.recovery_procedures}
                empty="Nothing is wrong that a runbook is for."
              />
            </Part>
            <Pair>
              <Part title="Circuit breakers" note={<Basis section={data.breakers} />}>
                <Rows
                  label="Circuit breakers"
                  rows={data.breakers?.items ?? []}
                  section={data.breakers}
                  empty="None has told anything."
                />
                <History indicator="emergency.breaker_trips_by_name" title="Trips by breaker" shape="bar" />
              </Part>
              <Part title="Runbooks">
                <Answer query={runbooks} what="the runbooks">
                  {({ items }) => (
                    <Rows
                      label="Runbooks"
                      rows={items}
                      columns={["alerts_firing", "title", "steps", "means"]}
                      cell={(field, row) =>
                        field === "title" ? (
                          <Go to={`/emergency/${row.id}`} fz="xs">
                            {row.title}
                          </Go>
                        ) : undefined
                      }
                    />
                  )}
                </Answer>
              </Part>
            </Pair>
            <Sections data={data} omit={FIRST} />
          </Stack>
        )}
      </Answer>
    </Page>
  );
}

function Runbook({ id }: { id: string }) {
  const { environment } = useRange();
  const query = api.useQuery(
    "get",
    "/api/v1/monitoring/runbooks/{runbook_id}",
    { params: { path: { runbook_id: id }, query: { environment } } },
    { meta: { live: "alerts" } },
  );
  return (
    <Page
      title={query.data?.title ?? "Runbook"}
      actions={
        <Go to="/emergency" fz="sm">
          All runbooks
        </Go>
      }
    >
      <Answer query={query} what="this runbook">
        {(data) => (
          <Stack gap="md">
            <Text size="sm">{data.means}</Text>
            {data.steps.map((step) => (
              <Part key={step.number} title={`${step.number}. ${step.do}`}>
                <Stack gap="sm">
                  {step.looks.map((look) => (
                    <Look key={`${look.kind}/${look.of}/${look.sentence}`} look={look} />
                  ))}
                </Stack>
              </Part>
            ))}
            <Over data={data} />
          </Stack>
        )}
      </Answer>
    </Page>
  );
}

/** A question of a runbook, and what it finds now. */
function Look({ look }: { look: Schemas["LookShown"] }) {
  return (
    <div>
      <Text size="sm">
        <ApiLink link={look.link}>{look.sentence}</ApiLink>
      </Text>
      {look.problem !== null && (
        <Text size="sm" c="red">
          {look.problem}
        </Text>
      )}
      {look.problem === null && (
        <Rows label={look.sentence} rows={look.items} limit={6} empty="It finds nothing now." />
      )}
      {look.more > 0 && <Text size="xs">and {look.more} more</Text>}
    </div>
  );
}

function Over({ data }: { data: Schemas["RunbookShown"] }) {
  return (
    <Part title="Whether it is over">
      <Text size="sm">
        <StatusBadge
          status={
            data.verified.outcome === "recovered" ? "ok" : data.verified.outcome === "unknown" ? "unknown" : "pending"
          }
        />{" "}
        {data.verified.outcome.replaceAll("_", " ")}
      </Text>
      <List size="sm">
        {data.verified.checks.map((check) => (
          <List.Item key={check.sentence}>
            {check.sentence}: {check.outcome.replaceAll("_", " ")}, {check.reason}
          </List.Item>
        ))}
      </List>
    </Part>
  );
}
