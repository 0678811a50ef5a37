import { Stack, Text } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { rowsAs } from "@/api/rows";
import { useAsked } from "@/app/fresh";
import { useRange } from "@/app/range";
import { Pair } from "@/areas/Grid";
import { bandOption, Chart, seriesCsv, seriesOption, useMarks, useZoom, type Point } from "@/charts";
import { formatTime } from "@/format";
import { Answer, Basis, Fields, Figure, Figures, Part } from "@/measure";

type Step = {
  at: string;
  ai_usd: number | null;
  charges_usd: number | null;
  model_calls: number | null;
  charges: number | null;
};
type Forecast = Schemas["ForecastItem"];

/** The burn as it is, and where it leads. */
export function Overview() {
  const { init, options } = useAsked();
  const query = api.useQuery("get", "/api/v1/monitoring/costs", init, options);
  return (
    <Stack gap="md">
      <Answer query={query} what="the costs">
        {(data) => (
          <Pair>
            <Part title="Spending now" note={<Basis section={data.now} />}>
              <Fields section={data.now ?? {}} />
            </Part>
            <Burn steps={rowsAs<Step>(data.steps)} section={data.steps} from={data.from} to={data.to} />
          </Pair>
        )}
      </Answer>
      <Ahead />
    </Stack>
  );
}

function Burn({ steps, section, from, to }: { steps: readonly Step[]; section: unknown; from: string; to: string }) {
  const { zone } = useRange();
  const [marks, zoom] = [useMarks(), useZoom()];
  const points = (field: "ai_usd" | "charges_usd", samples: "model_calls" | "charges"): Point[] =>
    steps.map((step) => ({ at: step.at, value: step[field], samples: step[samples] }));
  const lines = [
    { name: "models", points: points("ai_usd", "model_calls") },
    { name: "charges", points: points("charges_usd", "charges") },
  ];
  return (
    <Part title="Burn" note={<Basis section={section} />}>
      <Chart
        name="Spent in each step"
        option={seriesOption({ lines, unit: "usd", zone, shape: "bar", stacked: true, from, to })}
        csv={() => seriesCsv(lines)}
        marks={marks}
        onZoom={zoom}
      />
    </Part>
  );
}

function Ahead() {
  const { environment } = useRange();
  const init = { params: { query: { environment } } };
  const forecast = api.useQuery("get", "/api/v1/monitoring/costs/forecast", init, { meta: { live: true } });
  const budgets = api.useQuery("get", "/api/v1/monitoring/costs/budgets", init, { meta: { live: true } });
  return (
    <Answer query={forecast} what="the forecast">
      {({ items, timestamp, history_h }) => (
        <Pair>
          {items.map((item) => (
            <Period
              key={item.period}
              item={item}
              now={timestamp}
              hours={history_h}
              budgets={(budgets.data?.items ?? []).filter(
                (each) => each.period === item.period && each.scope === "all",
              )}
            />
          ))}
        </Pair>
      )}
    </Answer>
  );
}

function Period({
  item,
  now,
  hours,
  budgets,
}: {
  item: Forecast;
  now: string;
  hours: number;
  budgets: readonly Schemas["BudgetItem"][];
}) {
  const { zone } = useRange();
  const band = item.bands.find((each) => each.level === 0.8);
  const past = [
    { at: periodStart(item.period, now), value: 0 },
    { at: now, value: item.spent_usd },
  ];
  const known = item.expected_usd !== null && item.spent_usd !== null && band !== undefined;
  const ahead = known
    ? [
        { at: now, value: item.spent_usd ?? 0, low: item.spent_usd ?? 0, high: item.spent_usd ?? 0 },
        { at: item.ends_at, value: item.expected_usd ?? 0, low: band.low_usd, high: band.high_usd },
      ]
    : [];
  const lines = budgets.map((budget) => ({ value: Number(budget.amount_usd), text: budget.name }));
  return (
    <Part title={`This ${item.period}`}>
      <Figures columns={3}>
        <Figure label="Spent" value={item.spent_usd} unit="usd" provenance={item.provenance.spent_usd} />
        <Figure
          label="Expected at its end"
          value={item.expected_usd}
          unit="usd"
          provenance={{ ...item.provenance.expected_usd, reason: item.state }}
          under={band && `80 %: $${band.low_usd.toFixed(2)} to $${band.high_usd.toFixed(2)}`}
        />
        <Figure
          label="Error of such forecasts"
          value={item.error_ratio}
          unit="ratio"
          provenance={{ samples: item.tests, source: `${item.method}, tried on ${item.tests} earlier stretches` }}
        />
      </Figures>
      {known ? (
        <Chart
          name={`Forecast to the end of the ${item.period}`}
          option={bandOption({ past, forecast: ahead, budgets: lines, unit: "usd", zone })}
          csv={() => seriesCsv([{ name: "expected", points: ahead }])}
        />
      ) : (
        <Text size="sm" c="dimmed">
          {item.state}: {hours} hours of history, {item.needs_h} are needed. It ends {formatTime(item.ends_at, zone)}.
        </Text>
      )}
    </Part>
  );
}

/** Periods are counted in UTC; a week begins on Monday. */
export function periodStart(period: "day" | "week" | "month", now: string): string {
  const at = new Date(now);
  const [year, month, day] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()];
  if (period === "day") return new Date(Date.UTC(year, month, day)).toISOString();
  if (period === "month") return new Date(Date.UTC(year, month, 1)).toISOString();
  return new Date(Date.UTC(year, month, day - ((at.getUTCDay() + 6) % 7))).toISOString();
}
