import { Group, List, Stack, Text } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { Go } from "@/app/link";
import { Page } from "@/app/page";
import { useRange } from "@/app/range";
import { Pair } from "@/areas/Grid";
import { areaName } from "@/areas/names";
import { History } from "@/charts";
import { formatTime } from "@/format";
import { Answer, Fields, Measured, Part, Rows, StatusBadge } from "@/measure";

type Detail = Schemas["ServiceDetail"];
const NUMBERS = [
  "rate",
  "error_rate",
  "p50_ms",
  "p95_ms",
  "p99_ms",
  "errors_by_exception_5m",
  "errors_by_outcome_5m",
  "heartbeat_age_s",
  "instances",
];

/** One service: how it is, what is promised of it, who calls it and whom it calls. */
export function Service({ id }: { id: string }) {
  const { environment } = useRange();
  const query = api.useQuery(
    "get",
    "/api/v1/monitoring/services/{service_id}",
    { params: { path: { service_id: id }, query: { environment } } },
    { meta: { live: true } },
  );
  return (
    <Page title={query.data?.name ?? id}>
      <Answer query={query} what="this service">
        {(data) => (
          <Stack gap="md">
            <Head data={data} />
            <Part title="Now">
              <Fields section={data} only={NUMBERS} titles={{ rate: "Calls each second" }} />
            </Part>
            <Pair>
              <Part title="Latency">
                <History indicator="services.p95" title="p95" member={id} traces={() => ({ service: id })} />
              </Part>
              <Part title="Failures">
                <History
                  indicator="services.error_rate"
                  title="Failed share"
                  member={id}
                  traces={() => ({ service: id, status: "error" })}
                />
              </Part>
              <Part title="Calls">
                <History
                  indicator="services.rate"
                  title="Calls each second"
                  member={id}
                  traces={() => ({ service: id })}
                />
              </Part>
              <Part title="Promised">
                <Promised data={data} />
              </Part>
              <Neighbours data={data} />
            </Pair>
          </Stack>
        )}
      </Answer>
    </Page>
  );
}

function Neighbours({ data }: { data: Detail }) {
  const numbers = ["rate", "error_rate", "p50_ms", "p95_ms"] as const;
  return (
    <>
      <Part title="Called by">
        <Rows
          label="Called by"
          rows={data.callers}
          columns={["from", ...numbers]}
          empty="Nobody called it in the last five minutes."
        />
      </Part>
      <Part title="Calls others">
        <Rows
          label="Calls others"
          rows={data.callees}
          columns={["to", ...numbers]}
          empty="It called nobody in the last five minutes."
        />
      </Part>
    </>
  );
}

function Head({ data }: { data: Detail }) {
  const { zone } = useRange();
  const area = areaName(data.area);
  return (
    <div>
      <Group gap="sm">
        <StatusBadge status={data.status} />
        <Text size="sm">{data.sentence}</Text>
        <Text size="sm" c="dimmed">
          {data.group}, {data.priority}, last seen {formatTime(data.last_seen, zone)}
        </Text>
      </Group>
      <List size="sm" mt={4}>
        {data.reasons.map((reason) => (
          <List.Item key={reason.sentence}>{reason.sentence}</List.Item>
        ))}
      </List>
      <Group gap="md" mt={4}>
        <Go to="/diagnose" search={{ service: data.id }} fz="sm" fw={600}>
          Why is it so?
        </Go>
        <Go to="/traces" search={{ service: data.id }} fz="sm">
          Traces
        </Go>
        <Go to="/logs" search={{ service: data.id }} fz="sm">
          Logs
        </Go>
        <Go to="/traces" search={{ tab: "exceptions", service: data.id }} fz="sm">
          Exceptions
        </Go>
        {area !== undefined && (
          <Go to={area.to} fz="sm">
            {area.title}
          </Go>
        )}
        <Go to={`/emergency/${data.runbook}`} fz="sm">
          Runbook
        </Go>
      </Group>
    </div>
  );
}

function Promised({ data }: { data: Detail }) {
  const { availability_ratio, latency_ms } = data.objective;
  return (
    <Stack gap={4}>
      <Text size="sm">
        <Measured
          value={availability_ratio}
          unit="ratio"
          label="Promised availability"
          provenance={{ source: "the catalogue of services" }}
        />{" "}
        of its calls succeed; within{" "}
        <Measured
          value={latency_ms}
          unit="ms"
          label="Promised latency"
          provenance={{ source: "the catalogue of services" }}
        />
        .
      </Text>
      <Text size="sm">Depends on: {data.dependencies.length === 0 ? "no other service" : ""}</Text>
      <Group gap="xs">
        {data.dependencies.map((id) => (
          <Go key={id} to={`/services/${id}`} fz="sm">
            {id}
          </Go>
        ))}
      </Group>
      <Text size="xs" c="dimmed">
        Instances: {data.instance_ids.join(", ")}
      </Text>
    </Stack>
  );
}
