import { Button, Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { api } from "@/api/client";
import { Go, useAlong } from "@/app/link";
import { Page } from "@/app/page";
import { useAddress, useRange } from "@/app/range";
import { may, useSession } from "@/app/session";
import { formatTime } from "@/format";
import { Answer, Empty } from "@/measure";
import { Drawn, type PanelTerms } from "@/pages/panels/drawn";
import { PanelFields } from "@/pages/panels/fields";
import { Cells } from "@/measure/Cells";
import { oneOf } from "@/pages/traces/query";
import { Panel } from "@/areas/parts";

const CHARTS = ["line", "area", "bars", "number"] as const;

/** Any indicator at a glance, and the boards that people have made. */
export function Boards() {
  const session = useSession();
  const along = useAlong({ edit: "new" });
  const operates = may(session, "operate");
  return (
    <Page
      title="Panels"
      actions={
        operates && (
          <Button size="xs" renderRoot={(props) => <Link {...props} to="/panels" search={along} />}>
            New board
          </Button>
        )
      }
    >
      <Look />
      <Panel title="Boards">
        <Made operates={operates} />
      </Panel>
    </Page>
  );
}

/** One indicator, without saving anything: all of it is in the address. */
function Look() {
  const [address, change] = useAddress();
  const terms: PanelTerms = {
    title: "",
    indicator: address.indicator ?? "",
    member: address.member ?? "",
    chart: oneOf(address.chart, CHARTS) ?? "line",
    wide: true,
  };
  return (
    <Panel title="Look at any indicator">
      <Stack gap="sm">
        <PanelFields
          terms={terms}
          change={({ indicator, member, chart }) =>
            change({ indicator, member, chart: chart === "line" ? undefined : chart })
          }
        />
        {terms.indicator === "" ? (
          <Text size="sm">Choose an indicator to see its history.</Text>
        ) : (
          <Drawn terms={terms} />
        )}
      </Stack>
    </Panel>
  );
}

function Made({ operates }: { operates: boolean }) {
  const { zone } = useRange();
  const params = { query: { kind: "board" as const, limit: 200 } };
  const found = api.useQuery("get", "/api/v1/monitoring/views", { params });
  return (
    <Answer query={found} what="boards">
      {(data) =>
        data.items.length === 0 ? (
          <Empty title="No boards yet">
            {operates ? "Make one of the numbers that you watch." : "Who may operate can make one."}
          </Empty>
        ) : (
          <Cells
            label="Boards"
            heads={["Board", "Panels", "Changed", "By"]}
            minWidth={480}
            rows={data.items.map((board) => ({
              key: String(board.id),
              cells: [
                <Go key="name" to={`/panels/${board.id}`}>
                  {board.name}
                </Go>,
                board.panels.length,
                formatTime(board.changed_at, zone),
                board.changed_by,
              ],
            }))}
          />
        )
      }
    </Answer>
  );
}
