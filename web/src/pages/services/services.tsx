import { Group, Stack, Tabs, Text } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { api, type Schemas } from "@/api/client";
import { Chosen, Typed } from "@/app/form";
import { useAlong } from "@/app/link";
import { Page } from "@/app/page";
import { useAddress, useRange } from "@/app/range";
import { Go } from "@/app/link";
import { Chart, rowsCsv, serviceMapOption } from "@/charts";
import { Answer, Part, Rows } from "@/measure";

type Service = Schemas["ServiceItem"];
const COLUMNS = [
  "id",
  "status",
  "load_state",
  "group",
  "priority",
  "rate",
  "error_rate",
  "p50_ms",
  "p95_ms",
  "p99_ms",
  "errors_by_exception_5m",
  "heartbeat_age_s",
  "instances",
  "last_seen",
] as const;
const ANY = "";

export function Services() {
  const [address, change] = useAddress();
  const { environment } = useRange();
  const query = api.useQuery(
    "get",
    "/api/v1/monitoring/services",
    { params: { query: { environment } } },
    { meta: { live: true } },
  );
  const map = address.as === "map";
  return (
    <Page title="Services">
      <Tabs
        value={map ? "map" : "table"}
        onChange={(as) => change({ as: as === "map" ? as : undefined })}
        keepMounted={false}
      >
        <Tabs.List mb="sm">
          <Tabs.Tab value="table">Table</Tabs.Tab>
          <Tabs.Tab value="map">Map</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="table">
          <Answer query={query} what="the services">
            {({ items }) => <Table items={items} />}
          </Answer>
        </Tabs.Panel>
        <Tabs.Panel value="map">
          <Map />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}

function Table({ items }: { items: readonly Service[] }) {
  const [address, change] = useAddress();
  const choices = (field: "group" | "area" | "status") => [ANY, ...new Set(items.map((item) => item[field]))];
  const text = (address.q ?? "").toLowerCase();
  const shown = items.filter(
    (item) =>
      (["group", "area", "status"] as const).every(
        (field) => (address[field] ?? ANY) === ANY || item[field] === address[field],
      ) &&
      (text === "" || item.id.includes(text) || item.name.toLowerCase().includes(text)),
  );
  return (
    <Stack gap="sm">
      <Group gap="xs" align="end">
        <Typed label="Name" value={address.q ?? ""} onText={(text) => change({ q: text })} />
        {(["group", "area", "status"] as const).map((field) => (
          <Chosen
            key={field}

            label={field}
            value={address[field] ?? ANY}
            data={choices(field)}
            onText={(text) => change({ [field]: text })}
          />
        ))}
        <Text size="sm">
          {shown.length} of {items.length}
        </Text>
      </Group>
      <Rows
        label="Services"
        rows={shown}
        columns={COLUMNS}
        titles={{ id: "Service", load_state: "Reports" }}
        limit={65}
        cell={(field, row) =>
          field === "id" ? (
            <Go to={`/services/${row.id}`} fz="xs">
              {row.name}
            </Go>
          ) : undefined
        }
      />
    </Stack>
  );
}

function Map() {
  const { environment } = useRange();
  const navigate = useNavigate();
  const along = useAlong();
  const query = api.useQuery(
    "get",
    "/api/v1/monitoring/topology",
    { params: { query: { environment } } },
    { meta: { live: true } },
  );
  return (
    <Answer query={query} what="the map">
      {(data) => (
        <Part title="Who calls whom, in the last five minutes">
          <Chart
            name="Service map"
            option={serviceMapOption(data)}
            csv={() => rowsCsv(data.edges)}
            height={640}
            onPoint={(id) => void navigate({ to: `/services/${id}`, search: along })}
          />
          <Rows label="Calls between services" rows={data.edges} limit={8} />
        </Part>
      )}
    </Answer>
  );
}
