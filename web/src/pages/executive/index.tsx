import { Stack, Text } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { Pair } from "@/areas/Grid";
import { Page } from "@/app/page";
import { useRange } from "@/app/range";
import { Answer, StatusBadge } from "@/measure";
import { Areas } from "./areas";
import { Changes } from "./changes";
import { Incidents } from "./incidents";
import { Money } from "./money";
import { Objectives } from "./objectives";

/** Is it healthy? What does it cost? What is wrong, and what changed? */
export function View() {
  const { environment } = useRange();
  const query = api.useQuery(
    "get",
    "/api/v1/monitoring/system-health",
    { params: { query: { environment } } },
    { meta: { live: true } },
  );
  return (
    <Page title="Overview">
      <Answer query={query} what="the state of health">
        {(health) => (
          <Stack gap="sm">
            <Verdict health={health} />
            <Areas health={health} />
          </Stack>
        )}
      </Answer>
      <Pair>
        <Incidents />
        <Money />
        <Objectives />
        <Changes />
      </Pair>
    </Page>
  );
}

/** The whole in one sentence. */
function Verdict({ health }: { health: Schemas["SystemHealth"] }) {
  const [first] = health.reasons;
  const rest = health.reasons.length - 1;
  return (
    <Text size="lg" fw={600} data-verdict={health.overall_status}>
      <StatusBadge status={health.overall_status} /> {health.environment} is {health.overall_status}
      {first === undefined ? "" : `: ${first.sentence}`}
      {rest > 0 ? `, and ${rest} more` : ""}. {health.services_reporting} of {health.services_total} services report.
    </Text>
  );
}
