import { Table, Text } from "@mantine/core";
import { api } from "@/api/client";
import { useRange } from "@/app/range";
import { formatTime } from "@/format";
import { Answer, Measured, Part, provenanceOf, Rows } from "@/measure";

/** Whom and what it harmed, against as long before it. */
export function Impact({ id }: { id: string }) {
  const { zone } = useRange();
  const query = api.useQuery(
    "get",
    "/api/v1/monitoring/incidents/{incident_id}/impact",
    { params: { path: { incident_id: id } } },
    { meta: { live: "alerts" } },
  );
  return (
    <Part title="Impact">
      <Answer query={query} what="the impact">
        {(data) => (
          <>
            <Text size="xs" c="dimmed">
              {formatTime(data.from, zone)} to {formatTime(data.to, zone)} (known by{" "}
              {data.from_known_by.replaceAll("_", " ")}), against {formatTime(data.baseline_from, zone)} to{" "}
              {formatTime(data.baseline_to, zone)}
            </Text>
            <Table.ScrollContainer
              minWidth={0}
              scrollAreaProps={{ viewportProps: { tabIndex: 0, role: "region", "aria-label": "Impact" } }}
            >
              <Table fz="xs" verticalSpacing={3} aria-label="Impact" className="rows">
                <Table.Thead>
                  <Table.Tr>
                    {["What", "During", "Before", "Change"].map((title) => (
                      <Table.Th key={title}>{title}</Table.Th>
                    ))}
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {data.items.map((item) => (
                    <Table.Tr key={item.id} fw={item.worse === true ? 700 : 400}>
                      <Table.Td>
                        {item.sentence}
                        {item.worse === true ? " (worse)" : ""}
                      </Table.Td>
                      {(["during", "before", "change"] as const).map((field) => (
                        <Table.Td key={field} ta="right">
                          <Measured
                            value={item[field]}
                            unit={item.provenance.during?.unit ?? "1"}
                            label={item.sentence}
                            provenance={provenanceOf(item, field === "change" ? "during" : field)}
                          />
                        </Table.Td>
                      ))}
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
            <Rows label="Users it met most" rows={data.users} limit={6} />
          </>
        )}
      </Answer>
    </Part>
  );
}
