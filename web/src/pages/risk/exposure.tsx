import { SimpleGrid } from "@mantine/core";
import { Chart, histogramOption, History, rowsCsv } from "@/charts";
import { titled } from "@/format";
import { Rows } from "@/measure";
import { Below, Panel } from "@/areas/parts";
import { bucketsOf, textOf, type Cells, type Told } from "@/areas/values";

type Props = { data: Told<"RiskDeepDive"> };

const HEIGHT = 220;
const tracesOf = () => ({ operation: "risk.limit.check" });

/** How much is at stake: use of the limits over time, where portfolios stand, and the largest of them. */
export function Exposure({ data }: Props) {
  const portfolios: Cells[] = data.portfolios?.items ?? [];
  return (
    <Panel title="Exposure">
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        <History
          indicator="risk_management.utilization_max"
          member="*"
          title="Largest used share of each limit"
          height={HEIGHT}
          traces={tracesOf}
        />
        <Scores data={data} />
      </SimpleGrid>
      <Below title="Portfolios" told="Newest result of each, worst first.">
        <Rows rows={portfolios} section={data.portfolios} label="Portfolios" limit={10} />
      </Below>
    </Panel>
  );
}

function Scores({ data }: Props) {
  const rows: Cells[] = data.scores?.items ?? [];
  const groups = rows.map((row) => ({ name: titled(textOf(row["kind"])), buckets: bucketsOf(row["histogram"]) }));
  const csv = groups.flatMap(({ name, buckets }) => buckets.map((bucket) => ({ kind: name, ...bucket })));
  return (
    <Chart
      note="How many portfolios have which score, 0 to 100."
      name="Risk scores of portfolios"
      height={HEIGHT}
      option={histogramOption({ groups, unit: "1" })}
      csv={() => rowsCsv(csv)}
      empty={groups.length === 0 ? "No portfolio was assessed in this range." : undefined}
    />
  );
}
