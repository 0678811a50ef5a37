import { Stack, Text } from "@mantine/core";
import { api } from "@/api/client";
import { useAsked } from "@/app/fresh";
import { Answer, Basis, Figure, Figures, Part, Rows } from "@/measure";

/** What prices are in force, what they would change, and which counts contradict each other. */
export function Prices() {
  const { init } = useAsked();
  const prices = api.useQuery("get", "/api/v1/monitoring/costs/prices");
  const repricing = api.useQuery("get", "/api/v1/monitoring/costs/repricing", init);
  const violations = api.useQuery("get", "/api/v1/monitoring/costs/violations", init);
  return (
    <Stack gap="md">
      <Answer query={prices} what="the prices">
        {(data) => (
          <Part title="Price books">
            <Text size="sm">
              In force: {data.in_force}. {data.problem ?? ""}
            </Text>
            <Rows label="Price books" rows={data.items} />
          </Part>
        )}
      </Answer>
      <Answer query={repricing} what="the repricing">
        {(data) => (
          <Part title={`The range at ${data.old} and at ${data.new}`} note={<Basis section={data} />}>
            <Figures columns={3}>
              <Figure label="At the old prices" value={data.total.old_usd} unit="usd" provenance={data.provenance} />
              <Figure label="At the new ones" value={data.total.new_usd} unit="usd" provenance={data.provenance} />
              <Figure label="Change" value={data.total.change_usd} unit="usd" provenance={data.provenance} />
            </Figures>
            <Rows label="Repricing" rows={data.items} section={data} />
          </Part>
        )}
      </Answer>
      <Answer query={violations} what="the contradictions">
        {(data) => (
          <Part title="Counts that contradict each other" note={<Basis section={data} />}>
            <Rows
              label="Violations"
              rows={data.items}
              section={data}
              empty="None: every call's counts fit together, and every charge has an amount."
            />
          </Part>
        )}
      </Answer>
    </Stack>
  );
}
