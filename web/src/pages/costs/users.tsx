import { Stack } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { useAsked } from "@/app/fresh";
import { Pair } from "@/areas/Grid";
import { Answer, Basis, Figure, Figures, Part, Rows } from "@/measure";

type Outcomes = Schemas["UnitCosts"];

/** What users bring and cost, and what an outcome costs. */
export function Users() {
  const { init, options } = useAsked();
  const margins = api.useQuery("get", "/api/v1/monitoring/costs/margins", init, options);
  const outcomes = api.useQuery("get", "/api/v1/monitoring/costs/outcomes", init, options);
  return (
    <Stack gap="md">
      <Answer query={outcomes} what="the cost of outcomes">
        {(data) => <Units data={data} />}
      </Answer>
      <Answer query={margins} what="the margins">
        {(data) => (
          <Part title="Users, the least margin first" note={<Basis section={data} />}>
            <Rows label="Margins" rows={data.items} section={data} limit={25} />
          </Part>
        )}
      </Answer>
    </Stack>
  );
}

function Units({ data }: { data: Outcomes }) {
  const { per_conversation: conversation, per_signal: signal, per_profitable_outcome: outcome } = data;
  const of = (interval: readonly number[] | null | undefined, samples: number) => ({
    ...data.provenance,
    samples,
    interval: interval ?? null,
  });
  return (
    <Pair>
      <Part title="What one costs" note={<Basis section={data} />}>
        <Figures columns={3}>
          <Figure
            label="Conversation"
            value={conversation.mean_usd}
            unit="usd"
            provenance={of(conversation.interval_usd, conversation.count)}
          />
          <Figure
            label="Signal"
            value={signal.mean_usd}
            unit="usd"
            provenance={of(signal.interval_usd, signal.count)}
          />
          <Figure
            label="Profitable outcome"
            value={outcome.usd}
            unit="usd"
            provenance={of(outcome.interval_usd, outcome.profitable)}
          />
        </Figures>
      </Part>
      <Part title="Profitable outcomes by strategy" note={<Basis section={data} />}>
        <Rows label="Cost of a profitable outcome by strategy" rows={data.by_strategy} section={data} />
      </Part>
    </Pair>
  );
}
