import { Stack } from "@mantine/core";
import { api } from "@/api/client";
import { rowsAs } from "@/api/rows";
import { useAsked } from "@/app/fresh";
import { Page } from "@/app/page";
import { Pair } from "@/areas/Grid";
import { AreaHead } from "@/areas/Head";
import { Chart, groupedBarsOption, History, reliabilityOption, rowsCsv } from "@/charts";
import { Answer, Basis, Fields, Part, Sections } from "@/measure";
import { Race } from "./race";
import { curvesOf, tokensOf, type Bin } from "./shapes";

const DRAWN = [
  "overall",
  "models",
  "consensus",
  "reliability",
  "tokens",
  "memory",
  "top_conversations",
  "conversations",
];

const CALLS = [
  "calls",
  "error_rate",
  "response_time_p50_ms",
  "response_time_p95_ms",
  "first_chunk_p95_ms",
  "cost_usd",
  "cost_per_call_usd",
  "fallback_ratio",
  "fallback_success_ratio",
  "substituted_ratio",
  "unpriced_calls",
];

/** Which model is fast, cheap, reliable and honest about how sure it is? */
export function View() {
  const { init, options } = useAsked();
  const query = api.useQuery("get", "/api/v1/monitoring/ai-systems", init, options);
  return (
    <Page title="AI operations">
      <AreaHead area="ai_systems" />
      <Answer query={query} what="the AI systems">
        {(data) => (
          <Stack gap="md">
            <Part title="Model calls" note={<Basis section={data.overall} />}>
              <Fields section={data.overall ?? {}} only={CALLS} />
            </Part>
            <Race data={data} />
            <Pair>
              <Part title="Latency">
                <History
                  indicator="ai_systems.provider_latency_p95"
                  title="p95 by provider"
                  traces={(provider) => ({ attribute: `gen_ai.provider.name=${provider}` })}
                />
              </Part>
              <Part title="Failures">
                <History
                  indicator="ai_systems.provider_error_rate"
                  title="Failed share by provider"
                  traces={() => ({ status: "error" })}
                />
              </Part>
              <Tokens data={data} />
              <Part title="Fallbacks">
                <History indicator="ai_systems.fallbacks_by_reason" title="Fallbacks by reason" shape="area" stacked />
              </Part>
              <Consensus data={data} />
              <Part title="Memory" note={<Basis section={data.memory} />}>
                <Fields section={data.memory ?? {}} />
              </Part>
            </Pair>
            <Sections
              data={data}
              only={["conversations", "top_conversations"]}
              titles={{ top_conversations: "Conversations by cost" }}
            />
            <Sections data={data} omit={DRAWN} />
          </Stack>
        )}
      </Answer>
    </Page>
  );
}

type Data = Parameters<typeof Race>[0]["data"];

function Tokens({ data }: { data: Data }) {
  const { categories, groups } = tokensOf(data.models?.items ?? []);
  return (
    <Part title="Tokens by kind" note={<Basis section={data.models} />}>
      <Chart
        name="Tokens by model and kind"
        option={groupedBarsOption({ categories, groups, unit: "{token}", stacked: true })}
        csv={() => rowsCsv(data.models?.items ?? [])}
        height={Math.max(160, 30 * categories.length + 50)}
      />
      <Fields section={data.tokens ?? {}} only={["cache_read_ratio", "untold_ratio", "corrected_calls"]} />
    </Part>
  );
}

function Consensus({ data }: { data: Data }) {
  const rows = rowsAs<Bin>(data.reliability);
  return (
    <Part title="Consensus" note={<Basis section={data.reliability} />}>
      <Fields
        section={data.consensus ?? {}}
        only={["decisions", "agreement_ratio", "confidence", "accuracy", "ece", "ece_by_chance"]}
      />
      <Chart
        name="How sure against how right"
        option={reliabilityOption({ curves: curvesOf(rows) })}
        csv={() => rowsCsv(rows)}
        height={240}
        empty="No decision was judged yet: an outcome has to be known."
      />
    </Part>
  );
}
