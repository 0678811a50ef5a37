import { Group, Stack, Text } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { Go } from "@/app/link";
import { useRange } from "@/app/range";
import { formatMoney } from "@/format";
import { Answer, Figure, Figures, Measured, Part, StatusBadge } from "@/measure";

type Period = Schemas["ForecastItem"];

/** What is spent today, what is expected, and how budgets stand. */
export function Money() {
  const { environment } = useRange();
  const init = { params: { query: { environment } } };
  const forecast = api.useQuery("get", "/api/v1/monitoring/costs/forecast", init, { meta: { live: true } });
  const budgets = api.useQuery("get", "/api/v1/monitoring/costs/budgets", init, { meta: { live: true } });
  return (
    <Part
      title="Money"
      aside={
        <Go to="/costs" fz="xs">
          Cost control
        </Go>
      }
    >
      <Stack gap="xs">
        <Answer query={forecast} what="the forecast">
          {({ items }) => (
            <Figures columns={3}>
              {items.map((item) => (
                <Spent key={item.period} item={item} />
              ))}
            </Figures>
          )}
        </Answer>
        <Answer query={budgets} what="the budgets" height={40}>
          {({ items }) => (
            <Stack gap={2}>
              {items.length === 0 && <Text size="sm">No budget is set.</Text>}
              {items.slice(0, 4).map((budget) => (
                <Group key={budget.id} gap="xs" wrap="nowrap">
                  <StatusBadge status={budget.state} />
                  <Text size="sm">
                    {budget.name}, by the {budget.period}:{" "}
                    <Measured value={budget.budget_used_ratio} unit="ratio" label={`Budget ${budget.name} used`} /> used
                    of {formatMoney(budget.amount_usd)}
                  </Text>
                </Group>
              ))}
            </Stack>
          )}
        </Answer>
      </Stack>
    </Part>
  );
}

function Spent({ item }: { item: Period }) {
  const under =
    item.expected_usd === null ? (
      item.state
    ) : (
      <>
        expected{" "}
        <Measured
          value={item.expected_usd}
          unit="usd"
          label={`Expected by the end of the ${item.period}`}
          provenance={item.provenance}
        />
      </>
    );
  return (
    <Figure
      label={`Spent this ${item.period}`}
      value={item.spent_usd}
      unit="usd"
      provenance={item.provenance}
      under={under}
    />
  );
}
