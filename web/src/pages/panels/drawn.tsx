import { api, type Schemas } from "@/api/client";
import { useAsked } from "@/app/fresh";
import { asked, useRange } from "@/app/range";
import { Chart, seriesCsv, seriesOption, useMarks, useZoom } from "@/charts";
import { Answer, Empty, Figure, Figures } from "@/measure";
import { boundsOf, newest } from "@/pages/panels/bounds";

export type PanelTerms = Schemas["Panel"];
const HEIGHT = 240;
const SHAPES = { line: "line", area: "area", bars: "bar" } as const;

/** All indicators there are. They change with the server's version only. */
export function useIndicators() {
  return api.useQuery("get", "/api/v1/monitoring/indicators", {}, { staleTime: Infinity });
}

/** The history of one indicator at the address's range, with its bounds. */
export function Drawn({ terms }: { terms: PanelTerms }) {
  const { range, options } = useAsked();
  const indicators = useIndicators();
  const indicator = indicators.data?.items.find(({ id }) => id === terms.indicator);
  const grouped = (indicator?.group_by.length ?? 0) > 0;
  const member = terms.member || (grouped ? "*" : "");
  const query = { ...asked(range), indicator: terms.indicator, member };
  const found = api.useQuery(
    "get",
    "/api/v1/monitoring/series",
    { params: { query } },
    { ...options, enabled: indicators.data !== undefined },
  );
  if (indicators.data !== undefined && indicator === undefined)
    return <Empty title="No such indicator">{`There is no indicator ${terms.indicator} any more.`}</Empty>;
  if (terms.chart === "number")
    return (
      <Answer query={found} what={terms.indicator}>
        {(data) => <Numbers series={data} />}
      </Answer>
    );
  return <Lines terms={terms} indicator={indicator} found={found} />;
}

type Found = { data?: Schemas["Series"]; isPending: boolean; error: unknown; refetch: () => unknown };

function Lines({ terms, indicator, found }: { terms: PanelTerms; indicator?: Schemas["IndicatorItem"]; found: Found }) {
  const { zone } = useRange();
  const marks = useMarks();
  const zoom = useZoom();
  const { data } = found;
  const lines = (data?.items ?? []).map(({ member, points }) => ({ name: member || terms.indicator, points }));
  const known = lines.some(({ points }) => points.some(({ value }) => value !== null));
  const shape = terms.chart === "number" ? "line" : SHAPES[terms.chart];
  return (
    <Chart
      name={terms.title || data?.sentence || terms.indicator}
      height={HEIGHT}
      option={seriesOption({
        lines,
        unit: data?.unit ?? indicator?.unit ?? "1",
        zone,
        shape,
        bounds: boundsOf(indicator),
        ...(data === undefined ? {} : { from: data.from, to: data.to }),
      })}
      csv={() => seriesCsv(lines)}
      marks={marks}
      onZoom={zoom}
      loading={found.isPending}
      error={found.error}
      retry={() => void found.refetch()}
      empty={known ? undefined : "Nothing is known of it in this range. Choose a longer range, or another member."}
    />
  );
}

/** The newest value of each member. */
function Numbers({ series }: { series: Schemas["Series"] }) {
  if (series.items.length === 0) return <Empty title="Unknown">Nothing is known of it in this range.</Empty>;
  return (
    <Figures>
      {series.items.map(({ member, points }) => {
        const point = newest(points);
        return (
          <Figure
            key={member}
            label={member || series.sentence}
            value={point?.value ?? null}
            unit={series.unit}
            provenance={{
              unit: series.unit,
              samples: point?.samples ?? 0,
              window_s: series.window_s,
              source: series.source,
              ...(point === undefined ? {} : { as_of: point.at, estimated: point.estimated }),
            }}
          />
        );
      })}
    </Figures>
  );
}
