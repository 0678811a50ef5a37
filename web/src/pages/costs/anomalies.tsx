import { Button, Group, Stack, Text } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { useAsked } from "@/app/fresh";
import { useDone } from "@/app/done";
import { useAddress } from "@/app/range";
import { may, useSession } from "@/app/session";
import { Pair } from "@/areas/Grid";
import { barsOption, Chart, rowsCsv, type Bar } from "@/charts";
import { Go } from "@/app/link";
import { Answer, Figure, Figures, Part, Rows } from "@/measure";

const PATH = "/api/v1/monitoring/costs/anomalies";

/** Spending that is not as before, and what it is made of. */
export function Anomalies() {
  const { init } = useAsked();
  const [{ anomaly }] = useAddress();
  const query = api.useQuery("get", PATH, init, { meta: { live: "alerts" } });
  return (
    <Stack gap="md">
      <Part title="Cost anomalies">
        <Answer query={query} what="the anomalies">
          {({ items }) => (
            <Rows
              label="Cost anomalies"
              rows={items}
              cell={(field, row) =>
                field === "id" ? (
                  <Go to="/costs" search={{ tab: "anomalies", anomaly: String(row.id) }} fz="xs">
                    {String(row.id)}
                  </Go>
                ) : undefined
              }
              empty="Nothing was spent otherwise than expected in this range."
            />
          )}
        </Answer>
      </Part>
      {anomaly !== undefined && anomaly !== "" && <Anomaly id={anomaly} />}
    </Stack>
  );
}

function Anomaly({ id }: { id: string }) {
  const query = api.useQuery(
    "get",
    `${PATH}/{anomaly_id}`,
    { params: { path: { anomaly_id: Number(id) } } },
    { meta: { live: "alerts" } },
  );
  return (
    <Answer query={query} what="the anomaly">
      {(data) => <Whole data={data} />}
    </Answer>
  );
}

function Whole({ data }: { data: Schemas["CostAnomalyWhole"] }) {
  const parts = barsOf(data.parts_usd);
  const groups = barsOf(data.groups_usd);
  const origin = { ...data.provenance, interval: [data.excess_low_usd, data.excess_high_usd] };
  return (
    <Part title={`Anomaly ${data.id}`} aside={<Feedback id={data.id} />}>
      <Stack gap="xs">
        <Text size="sm">{data.sentence}</Text>
        <Figures columns={4}>
          <Figure label="More than expected" value={data.excess_usd} unit="usd" provenance={origin} />
          <Figure label="Spent" value={data.actual_usd} unit="usd" provenance={data.provenance} />
          <Figure label="Expected" value={data.expected_usd} unit="usd" provenance={data.provenance} />
          <Figure label="More each hour" value={data.usd_per_hour} unit="usd/h" provenance={data.provenance} />
        </Figures>
        <Pair>
          <Chart
            name="What the difference is made of"
            option={barsOption({ rows: parts, unit: "usd" })}
            csv={() => rowsCsv(parts)}
          />
          <Chart name="Whose it is" option={barsOption({ rows: groups, unit: "usd" })} csv={() => rowsCsv(groups)} />
        </Pair>
        <Rows label="What was said of it" rows={data.feedbacks} empty="Nobody has said whether it was expected." />
      </Stack>
    </Part>
  );
}

/** A bar for each name, the largest first. */
function barsOf(sums: Readonly<Record<string, number>>): Bar[] {
  return Object.entries(sums)
    .map(([name, value]) => ({ name, value }))
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
}

function Feedback({ id }: { id: Schemas["CostAnomalyWhole"]["id"] }) {
  const operates = may(useSession(), "operate");
  const done = useDone();
  const say = api.useMutation("post", `${PATH}/{anomaly_id}/feedback`, { onSuccess: () => done("Noted.") });
  if (!operates) return null;
  const mark = (expected: boolean) =>
    say.mutate({ params: { path: { anomaly_id: id } }, body: { expected, reason: "" } });
  return (
    <Group gap={4}>
      <Button size="compact-xs" variant="default" onClick={() => mark(true)}>
        It was expected
      </Button>
      <Button size="compact-xs" variant="default" onClick={() => mark(false)}>
        It was not
      </Button>
    </Group>
  );
}
