import { Tabs } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { useAsked } from "@/app/fresh";
import { useAddress } from "@/app/range";
import { Answer, Part, Rows } from "@/measure";

type Data = Schemas["AiSystemsDeepDive"];
const MODEL = [
  "model",
  "provider",
  "calls",
  "error_rate",
  "response_time_p50_ms",
  "response_time_p95_ms",
  "first_chunk_p95_ms",
  "cost_usd",
  "cost_per_call_usd",
  "fallbacks",
  "substituted_ratio",
  "ece",
  "ece_by_chance",
  "accuracy",
] as const;

/** Models and providers against each other, a row each: speed, failures, money, calibration. */
export function Race({ data }: { data: Data }) {
  const [address, change] = useAddress();
  const by = address.race === "provider" ? "provider" : "model";
  return (
    <Part title="The race">
      <Tabs
        value={by}
        onChange={(value) => change({ race: value === "provider" ? value : undefined })}
        keepMounted={false}
      >
        <Tabs.List mb="xs">
          <Tabs.Tab value="model">Models</Tabs.Tab>
          <Tabs.Tab value="provider">Providers</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="model">
          <Rows
            label="Models"
            rows={raced(data)}
            columns={MODEL}
            titles={{ ece: "Calibration error", ece_by_chance: "of it by chance" }}
            section={data.models}
          />
        </Tabs.Panel>
        <Tabs.Panel value="provider">
          <Providers />
        </Tabs.Panel>
      </Tabs>
    </Part>
  );
}

/** Each model with how well it knows what it knows; a model that voted in no judged decision has no calibration. */
export function raced(data: Data) {
  const voters = new Map((data.voters?.items ?? []).map((voter) => [voter.model, voter]));
  return (data.models?.items ?? []).map((model) => {
    const voter = voters.get(model.model);
    return {
      ...model,
      ece: voter?.ece ?? null,
      ece_by_chance: voter?.ece_by_chance ?? null,
      accuracy: voter?.accuracy ?? null,
    };
  });
}

function Providers() {
  const { init, options } = useAsked();
  const query = api.useQuery("get", "/api/v1/monitoring/ai/performance", init, options);
  return (
    <Answer query={query} what="the providers">
      {(data) => <Rows label="Providers" rows={data.providers?.items ?? []} section={data.providers} />}
    </Answer>
  );
}
