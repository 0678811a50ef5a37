import { Stack } from "@mantine/core";
import { api } from "@/api/client";
import { useAsked } from "@/app/fresh";
import { Page } from "@/app/page";
import { Pair } from "@/areas/Grid";
import { AreaHead } from "@/areas/Head";
import { History } from "@/charts";
import { Answer, Basis, Fields, Part, Rows, Sections } from "@/measure";

const FIRST = ["ledger", "types", "violations", "payments", "rails", "users"];

/** Does the ledger add up, and do payments go through? */
export function View() {
  const { init, options } = useAsked();
  const query = api.useQuery("get", "/api/v1/monitoring/credits", init, options);
  return (
    <Page title="Credits">
      <AreaHead area="credits" />
      <Answer query={query} what="the credits">
        {(data) => (
          <Stack gap="md">
            <Part title="Ledger" note={<Basis section={data.ledger} />}>
              <Fields section={data.ledger ?? {}} />
            </Part>
            <Pair>
              <Part title="Broken rules" note={<Basis section={data.violations} />}>
                <Rows
                  label="Entries that break a rule of the ledger"
                  rows={data.violations?.items ?? []}
                  section={data.violations}
                  empty="No entry breaks a rule."
                  limit={8}
                />
              </Part>
              <Part title="Credits by type" note={<Basis section={data.types} />}>
                <History indicator="credits.credits_taken_by_type" title="Credits taken by type" shape="area" stacked />
                <Rows label="Types" rows={data.types?.items ?? []} section={data.types} />
              </Part>
              <Part title="Payments" note={<Basis section={data.payments} />}>
                <Fields section={data.payments ?? {}} />
                <History indicator="credits.rail_payment_success" title="Success by rail" />
              </Part>
              <Part title="Rails" note={<Basis section={data.rails} />}>
                <Rows label="Rails" rows={data.rails?.items ?? []} section={data.rails} />
              </Part>
            </Pair>
            <Part title="Users" note={<Basis section={data.users} />}>
              <Rows label="What users paid, spent and left" rows={data.users?.items ?? []} section={data.users} />
            </Part>
            <Sections data={data} omit={FIRST} />
          </Stack>
        )}
      </Answer>
    </Page>
  );
}
