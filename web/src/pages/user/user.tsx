import { Stack, Text } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { useAsked } from "@/app/fresh";
import { Go } from "@/app/link";
import { Page } from "@/app/page";
import { may, useSession } from "@/app/session";
import { Pair } from "@/areas/Grid";
import { formatTime } from "@/format";
import { Answer, Basis, Fields, Part, Rows, StatusBadge } from "@/measure";

type Data = Schemas["UserAnswer"];

export function User({ id }: { id: string }) {
  const { init, range } = useAsked();
  const reads = may(useSession(), "read");
  const query = api.useQuery(
    "get",
    "/api/v1/monitoring/user/{user_id}",
    { params: { path: { user_id: id }, ...init.params } },
    { meta: { live: reads } },
  );
  return (
    <Page
      title={`User ${id}`}
      actions={
        reads && (
          <Go to="/traces" search={{ user: id }} fz="sm">
            Traces of this user
          </Go>
        )
      }
    >
      <Answer query={query} what="this user">
        {(data) => (
          <Stack gap="md">
            <Text size="sm">
              {data.seen
                ? `Last seen ${formatTime(data.last_seen, range.zone)}.`
                : "Not seen in this range: choose a longer one, or look whether the id is right."}
            </Text>
            <Money data={data} />
            <Lists data={data} />
          </Stack>
        )}
      </Answer>
    </Page>
  );
}

function Money({ data }: { data: Data }) {
  return (
    <Pair>
      <Part title="Cost" note={<Basis section={data.api_costs} />}>
        <Fields
          section={data.api_costs}
          only={["cost_usd", "ai_usd", "charged_usd", "calls", "input_tokens", "output_tokens", "calls_unpriced"]}
        />
      </Part>
      <Part title="Margin" note={<Basis section={data.margin} />}>
        <Fields section={data.margin} />
      </Part>
      <Part title="Credits" note={<Basis section={data.credits} />}>
        <Fields section={data.credits} />
      </Part>
      <Part title="Errors" note={<Basis section={data.error_experience} />}>
        <Fields section={data.error_experience} />
      </Part>
    </Pair>
  );
}

const LISTS: readonly (readonly [keyof Data, string])[] = [
  ["active_services", "Services"],
  ["strategy_performance", "Strategies"],
  ["signal_subscriptions", "Subscriptions"],
  ["signal_deliveries", "Signals delivered"],
  ["credit_usage_by_type", "Credits by type"],
  ["costs_by_category", "Cost by category"],
  ["costs_by_model", "Cost by model"],
  ["costs_by_feature", "Cost by feature"],
  ["last_errors", "Newest errors"],
];

function Lists({ data }: { data: Data }) {
  return (
    <>
      <Pair>
        {LISTS.map(([field, title]) => (
          <Part key={field} title={title}>
            <Rows label={title} rows={data[field] as object[]} limit={6} />
          </Part>
        ))}
      </Pair>
      <Part title="Newest traces">
        <Rows
          label="Newest traces"
          rows={data.recent_traces}
          cell={(field, row) =>
            field === "status" ? <StatusBadge status={row.status === "error" ? "error" : "ok"} /> : undefined
          }
        />
      </Part>
    </>
  );
}
