import { Table, Text } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { Go } from "@/app/link";
import { useRange } from "@/app/range";
import { Answer, Measured, Part, StatusBadge } from "@/measure";

type Objective = Schemas["SloItem"];
const SHOWN = 6;

/** The objectives with the least of their budget left, those that burn first. */
export function Objectives() {
  const { environment } = useRange();
  const query = api.useQuery(
    "get",
    "/api/v1/monitoring/slos",
    { params: { query: { environment } } },
    { meta: { live: "alerts" } },
  );
  return (
    <Part
      title="Objectives"
      aside={
        <Go to="/services" fz="xs">
          Services
        </Go>
      }
    >
      <Answer query={query} what="the objectives">
        {({ items }) => <Worst items={items} />}
      </Answer>
    </Part>
  );
}

function burns(item: Objective): boolean {
  return item.burns.some((burn) => burn.burning);
}

function Worst({ items }: { items: readonly Objective[] }) {
  const known = items.filter((item) => item.budget_left_ratio !== null);
  const worst = [...known].sort(
    (a, b) => Number(burns(b)) - Number(burns(a)) || (a.budget_left_ratio ?? 1) - (b.budget_left_ratio ?? 1),
  );
  return (
    <>
      <Text size="sm">
        {items.filter(burns).length} of {items.length} burn their budget too fast; {items.length - known.length} have
        too little to tell.
      </Text>
      <Table fz="xs" verticalSpacing={2} aria-label="Objectives with the least budget left">
        <Table.Tbody>
          {worst.slice(0, SHOWN).map((item) => (
            <One key={item.id} item={item} />
          ))}
        </Table.Tbody>
      </Table>
    </>
  );
}

function One({ item }: { item: Objective }) {
  const { events: samples, period_s: window_s, as_of, source, estimated } = item;
  return (
    <Table.Tr>
      <Table.Td>
        {item.kind === "service" ? (
          <Go to={`/services/${item.subject}`} fz="xs">
            {item.name}
          </Go>
        ) : (
          item.name
        )}
      </Table.Td>
      <Table.Td>{item.measure}</Table.Td>
      <Table.Td>{burns(item) && <StatusBadge status="critical" reason="burns too fast" />}</Table.Td>
      <Table.Td ta="right">
        <Measured
          value={item.budget_left_ratio}
          unit="ratio"
          label={`${item.name}: budget left`}
          provenance={{ samples, window_s, as_of, source, estimated }}
        />{" "}
        left
      </Table.Td>
    </Table.Tr>
  );
}
