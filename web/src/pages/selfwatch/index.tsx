import { Stack, Text } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { useRange } from "@/app/range";
import { Page } from "@/app/page";
import { formatTime, titled } from "@/format";
import { Answer, Part, Rows } from "@/measure";

type Family = Schemas["OwnFamily"];

/** What Observatory took in, refused and dropped, and how long its own work takes. */
export function View() {
  const { zone } = useRange();
  const query = api.useQuery("get", "/api/v1/monitoring/selfwatch", {}, { meta: { live: true } });
  return (
    <Page title="Self-watch">
      <Answer query={query} what="its own numbers">
        {(data) => (
          <Stack gap="md">
            <Text size="sm">
              Since this server started, as of {formatTime(data.timestamp, zone)}. For people without script there is{" "}
              <a href="/plain/selfwatch">a plain page</a>.
            </Text>
            {data.items.map((family) => (
              <Part
                key={family.id}
                title={titled(family.id.replace(/^observatory_/, ""))}
                note={
                  <Text span size="xs" c="dimmed">
                    {family.sentence}
                  </Text>
                }
              >
                <Rows label={family.id} rows={rowsOf(family)} />
              </Part>
            ))}
          </Stack>
        )}
      </Answer>
    </Page>
  );
}

/** A row for each set of labels: the labels, then the numbers that the family has. */
function rowsOf(family: Family): Record<string, unknown>[] {
  return family.items.map(({ labels, value, count, mean_s, p50_s, p99_s }) =>
    family.kind === "duration" ? { ...labels, count, mean_s, p50_s, p99_s } : { ...labels, value },
  );
}
