import { SimpleGrid, Stack } from "@mantine/core";
import { api } from "@/api/client";
import { useAsked } from "@/app/fresh";
import { Page } from "@/app/page";
import { asked } from "@/app/range";
import { Answer, Figure, Figures, Sections } from "@/measure";
import { EmergencyStop } from "@/pages/risk/emergency";
import { Exposure } from "@/pages/risk/exposure";
import { Limits } from "@/pages/risk/limits";
import { Stress } from "@/pages/risk/stress";
import { AreaVerdict } from "@/areas/parts";
import { numberOf, type Cells, type Told } from "@/areas/values";

/** What has its own drawing above. */
const DRAWN = ["risk", "limits", "breaches", "near_misses", "guards", "scores", "portfolios", "stress"];
const MOST_ROWS = 100;

/** Whether limits hold, who guards them, what is at stake, and whether trading was stopped. */
export function View() {
  const { range, options } = useAsked();
  const query = { ...asked(range), limit: MOST_ROWS };
  const risk = api.useQuery("get", "/api/v1/monitoring/risk", { params: { query } }, options);
  return (
    <Page title="Risk">
      <AreaVerdict area="risk_management" well="Limits are checked, and hold." />
      <Answer query={risk} what="risk">
        {(data) => (
          <Stack gap="md">
            <Overview data={data} />
            <SimpleGrid cols={{ base: 1, lg: 2 }}>
              <Limits data={data} />
              <EmergencyStop />
            </SimpleGrid>
            <Exposure data={data} />
            <Stress data={data} />
            <Sections data={data} omit={DRAWN} />
          </Stack>
        )}
      </Answer>
    </Page>
  );
}

const FIGURES: [field: string, label: string, unit: string][] = [
  ["open_breaches", "Limits broken now", "1"],
  ["breaches", "Breaches in the range", "1"],
  ["near_misses", "Near misses", "1"],
  ["value_at_risk_ratio_p95", "Value at risk p95", "ratio"],
  ["guard_checks_per_order", "Checks per order", "1"],
  ["unassessed_orders", "Orders without assessment", "1"],
];

function Overview({ data }: { data: Told<"RiskDeepDive"> }) {
  const values: Cells = data.risk ?? {};
  return (
    <Figures>
      {FIGURES.map(([field, label, unit]) => (
        <Figure
          key={field}
          label={label}
          value={numberOf(values[field])}
          unit={unit}
          provenance={data.risk?.provenance[field]}
        />
      ))}
    </Figures>
  );
}
