import { Stack, Tabs, Text } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { useAsked } from "@/app/fresh";
import { Go } from "@/app/link";
import { Page } from "@/app/page";
import { useAddress, useRange } from "@/app/range";
import { Pair } from "@/areas/Grid";
import { barsOption, Chart, rowsCsv } from "@/charts";
import { Answer, Figure, Figures, Part, Rows } from "@/measure";

type Item = Schemas["IncidentItem"];
const COLUMNS = [
  "severity",
  "title",
  "state",
  "opened_at",
  "resolved_at",
  "alerts_firing",
  "areas",
  "services",
] as const;
const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/** What is open, what was, how fast it was seen, and what comes back. */
export function Incidents() {
  const [address, change] = useAddress();
  const tab = address.tab === "history" || address.tab === "patterns" ? address.tab : "open";
  return (
    <Page title="Incidents">
      <Tabs
        value={tab}
        onChange={(to) => change({ tab: to === "open" ? undefined : (to ?? undefined) })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          <Tabs.Tab value="open">Open</Tabs.Tab>
          <Tabs.Tab value="history">History</Tabs.Tab>
          <Tabs.Tab value="patterns">What comes back</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="open">
          <Open />
        </Tabs.Panel>
        <Tabs.Panel value="history">
          <History />
        </Tabs.Panel>
        <Tabs.Panel value="patterns">
          <Patterns />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}

function List({ items, label, empty }: { items: readonly Item[]; label: string; empty: string }) {
  return (
    <Rows
      label={label}
      rows={items}
      columns={COLUMNS}
      limit={25}
      empty={empty}
      cell={(field, row) =>
        field === "title" ? (
          <Go to={`/incidents/${row.id}`} fz="xs">
            {row.title}
          </Go>
        ) : undefined
      }
    />
  );
}

function Open() {
  const { environment } = useRange();
  const [{ area }] = useAddress();
  const query = api.useQuery(
    "get",
    "/api/v1/monitoring/incidents",
    { params: { query: { environment, ...(area === undefined ? {} : { area }) } } },
    { meta: { live: "alerts" } },
  );
  return (
    <Answer query={query} what="the open incidents">
      {({ items }) => (
        <List items={items} label="Open incidents" empty="None is open. What was stands under History." />
      )}
    </Answer>
  );
}

function History() {
  const { init } = useAsked();
  const query = api.useQuery("get", "/api/v1/monitoring/incidents/history", init, { meta: { live: "alerts" } });
  return (
    <Answer query={query} what="the history">
      {(data) => (
        <Stack gap="md">
          <Text size="sm">
            {data.incidents} began in this range, {data.open} of them are open
            {data.complete ? "" : "; the oldest are left out"}.
          </Text>
          <Figures columns={4}>
            {data.times.map((time) => (
              <Figure
                key={time.id}
                label={time.id.toUpperCase()}
                hint={time.sentence}
                value={time.mean_s}
                unit="s"
                provenance={{ samples: time.samples, source: `incidents; ${time.missing} without it` }}
                under={<>median {time.median_s === null ? "unknown" : `${Math.round(time.median_s)} s`}</>}
              />
            ))}
          </Figures>
          <List items={data.items} label="Incidents" empty="None began in this range." />
          <Pair>
            <Part title="By area">
              <Rows label="Incidents by area" rows={data.by_area} />
            </Part>
            <Part title="By root">
              <Rows label="Incidents by root" rows={data.roots} />
            </Part>
          </Pair>
        </Stack>
      )}
    </Answer>
  );
}

function Patterns() {
  const { init } = useAsked();
  const query = api.useQuery("get", "/api/v1/monitoring/incidents/patterns", init, { meta: { live: "alerts" } });
  return (
    <Answer query={query} what="the patterns">
      {(data) => {
        const hours = data.by_hour.map((value, hour) => ({ name: `${hour}:00`, value }));
        const days = data.by_weekday.map((value, day) => ({ name: DAYS[day] ?? String(day), value }));
        return (
          <Stack gap="md">
            <Part title="What came more than once">
              <Rows
                label="Recurrences"
                rows={data.recurrences}
                empty={`Nothing, of ${data.samples} incidents in this range.`}
              />
            </Part>
            <Pair>
              <Chart
                name="Incidents by hour (UTC)"
                option={barsOption({ rows: hours, unit: "1" })}
                csv={() => rowsCsv(hours)}
                height={420}
              />
              <Chart
                name="Incidents by weekday (UTC)"
                option={barsOption({ rows: days, unit: "1" })}
                csv={() => rowsCsv(days)}
              />
            </Pair>
          </Stack>
        );
      }}
    </Answer>
  );
}
