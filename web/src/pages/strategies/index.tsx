import { Stack } from "@mantine/core";
import { api } from "@/api/client";
import { useAsked } from "@/app/fresh";
import { Page } from "@/app/page";
import { asked } from "@/app/range";
import { Answer, Sections } from "@/measure";
import { Expectation } from "@/pages/strategies/expectation";
import { Overview, Queue } from "@/pages/strategies/queue";
import { Runs } from "@/pages/strategies/runs";
import { AreaVerdict } from "@/areas/parts";

/** What has its own drawing above. */
const DRAWN = ["strategies", "executions", "submissions", "waiting", "tests", "live_vs_backtest"];
const MOST_ROWS = 100;

/** Which strategies run, how they do, and what waits for its test. */
export function View() {
  const { range, options } = useAsked();
  const query = { ...asked(range), limit: MOST_ROWS };
  const strategies = api.useQuery("get", "/api/v1/monitoring/strategies", { params: { query } }, options);
  const signals = api.useQuery("get", "/api/v1/monitoring/signals", { params: { query } }, options);
  return (
    <Page title="Strategies">
      <AreaVerdict area="strategies" well="Strategies run as they should." />
      <Answer query={strategies} what="strategies">
        {(data) => (
          <Stack gap="md">
            <Overview data={data} />
            <Runs data={data} signals={signals.data} />
            <Expectation data={data} />
            <Queue data={data} />
            <Sections data={data} omit={DRAWN} />
          </Stack>
        )}
      </Answer>
    </Page>
  );
}
