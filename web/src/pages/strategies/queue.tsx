import { SimpleGrid } from "@mantine/core";
import { Empty, Figure, Figures, Rows } from "@/measure";
import { Below, Panel } from "@/areas/parts";
import { numberOf, type Cells, type Told } from "@/areas/values";

type Props = { data: Told<"StrategiesDeepDive"> };
type Field = [field: string, label: string, unit: string];
type Numbers = (Cells & { provenance: Record<string, Told<"Provenance">> }) | null | undefined;

const OVERVIEW: Field[] = [
  ["strategies_run", "Strategies that ran", "1"],
  ["strategies_switched_on", "Switched on by users", "1"],
  ["users_with_strategies", "Users with a strategy", "1"],
  ["executions", "Runs", "1"],
  ["execution_success_rate", "Runs that succeed", "ratio"],
];
const QUEUE: Field[] = [
  ["queue_depth", "Waiting for a test", "1"],
  ["oldest_age_s", "Oldest waits", "s"],
  ["overtaken", "Overtaken", "1"],
  ["queue_stall", "Wait against the usual", "1"],
  ["review_time_p95_s", "Review p95", "s"],
  ["approved_ratio", "Approved", "ratio"],
];
const TESTS: Field[] = [
  ["tests", "Tests", "1"],
  ["duration_p95_ms", "Test p95", "ms"],
  ["broken", "Broken off", "1"],
  ["passed_ratio", "Passed", "ratio"],
];

export function Overview({ data }: Props) {
  return <Numbered fields={OVERVIEW} numbers={data.strategies} />;
}

/** Strategies that were handed in and wait, and how their tests go. */
export function Queue({ data }: Props) {
  const waiting: Cells[] = data.waiting?.items ?? [];
  const depth = data.submissions?.queue_depth;
  return (
    <Panel
      title="Test queue"
      hint="From handing a strategy in to its verdict. Overtaken: a later one has its verdict already."
    >
      <Numbered fields={QUEUE} numbers={data.submissions} />
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        <Below title="Waiting" told="Oldest first.">
          {waiting.length > 0 ? (
            <Rows rows={waiting} section={data.waiting} label="Strategies that wait" limit={10} />
          ) : (
            <Empty title={depth === 0 ? "None" : "Unknown"}>
              {depth === 0 ? "Every strategy that was handed in has its verdict." : "The queue is not reported."}
            </Empty>
          )}
        </Below>
        <Below title="Tests" told="Broken off says nothing of the strategy.">
          <Numbered fields={TESTS} numbers={data.tests} />
        </Below>
      </SimpleGrid>
    </Panel>
  );
}

function Numbered({ fields, numbers }: { fields: Field[]; numbers: Numbers }) {
  return (
    <Figures>
      {fields.map(([field, label, unit]) => (
        <Figure
          key={field}
          label={label}
          value={numberOf(numbers?.[field])}
          unit={unit}
          provenance={numbers?.provenance[field]}
        />
      ))}
    </Figures>
  );
}
