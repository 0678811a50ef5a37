import { SimpleGrid, Stack } from "@mantine/core";
import { api } from "@/api/client";
import { useAsked } from "@/app/fresh";
import { Page } from "@/app/page";
import { asked } from "@/app/range";
import { Answer, Sections } from "@/measure";
import { Channels } from "@/pages/signals/channels";
import { Overview, Way } from "@/pages/signals/way";
import { Performance } from "@/pages/signals/performance";
import { Quiet } from "@/pages/signals/quiet";
import { Subscribers } from "@/pages/signals/subscribers";
import { AreaVerdict } from "@/areas/parts";

/** What has its own drawing above. */
const DRAWN = [
  "signals",
  "pipeline",
  "channels",
  "performance",
  "rhythm",
  "subscribers",
  "subscriptions",
  "reliability",
];
const MOST_ROWS = 200;

/** Whether events become signals that reach people in time and make money. */
export function View() {
  const { range, options } = useAsked();
  const query = { ...asked(range), limit: MOST_ROWS };
  const signals = api.useQuery("get", "/api/v1/monitoring/signals", { params: { query } }, options);
  const delivery = api.useQuery("get", "/api/v1/monitoring/signals/delivery", { params: { query } }, options);
  return (
    <Page title="Signal intelligence">
      <AreaVerdict area="signal_intelligence" well="Events become signals and reach people as they should." />
      <Answer query={signals} what="signals">
        {(data) => (
          <Stack gap="md">
            <Overview data={data} />
            <Way data={data} />
            <Quiet data={data} />
            <SimpleGrid cols={{ base: 1, lg: 2 }}>
              <Performance data={data} />
              <Subscribers data={data} />
            </SimpleGrid>
          </Stack>
        )}
      </Answer>
      <Answer query={delivery} what="delivery">
        {(data) => <Channels data={data} />}
      </Answer>
      <Answer query={signals} what="signals">
        {(data) => <Sections data={data} omit={DRAWN} />}
      </Answer>
    </Page>
  );
}
