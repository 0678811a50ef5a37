import { Stack } from "@mantine/core";
import { api } from "@/api/client";
import { useAsked } from "@/app/fresh";
import { Page } from "@/app/page";
import { Pair } from "@/areas/Grid";
import { AreaHead } from "@/areas/Head";
import { History } from "@/charts";
import { Answer, Basis, Fields, Part, Sections } from "@/measure";

/** What runs out, and when? */
export function View() {
  const { init, options } = useAsked();
  const query = api.useQuery("get", "/api/v1/monitoring/resources", init, options);
  return (
    <Page title="Resources">
      <AreaHead area="resources" />
      <Answer query={query} what="the resources">
        {(data) => (
          <Stack gap="md">
            <Part title="Resources" note={<Basis section={data.overall} />}>
              <Fields section={data.overall ?? {}} />
            </Part>
            <Sections data={data} only={["exhaustion"]} titles={{ exhaustion: "What runs out" }} />
            <Pair>
              <Part title="Memory">
                <History indicator="resources.process_memory" title="Memory by process" />
              </Part>
              <Part title="Processor">
                <History indicator="resources.process_cpus" title="Cores used by process" />
              </Part>
              <Part title="Queues over time">
                <History indicator="resources.queue_depths" title="Depth by queue" />
              </Part>
              <Part title="Connections over time">
                <History indicator="resources.pools_used" title="Use of pools" />
              </Part>
            </Pair>
            <Sections data={data} omit={["overall", "exhaustion"]} />
          </Stack>
        )}
      </Answer>
    </Page>
  );
}
