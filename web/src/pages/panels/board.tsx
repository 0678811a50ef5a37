import { Button, Grid, Group, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, sentenceOf, type Schemas } from "@/api/client";
import { Go, useAlong } from "@/app/link";
import { Page } from "@/app/page";
import { useRange } from "@/app/range";
import { may, useSession } from "@/app/session";
import { formatTime } from "@/format";
import { Answer, Empty } from "@/measure";
import { Drawn, useIndicators } from "@/pages/panels/drawn";
import { Editor } from "@/pages/panels/editor";
import { Panel } from "@/areas/parts";

/** One board at the address's range, or the form that changes it. */
export function Board({ id, edits }: { id: number; edits: boolean }) {
  const found = api.useQuery("get", "/api/v1/monitoring/views/{view_id}", { params: { path: { view_id: id } } });
  return (
    <Answer query={found} what="the board">
      {(board) => (edits ? <Editor key={`${board.id} ${board.changed_at}`} board={board} /> : <Shown board={board} />)}
    </Answer>
  );
}

function Shown({ board }: { board: Schemas["ViewItem"] }) {
  const { zone } = useRange();
  const indicators = useIndicators().data?.items ?? [];
  const sentence = (id: string) => indicators.find((each) => each.id === id)?.sentence ?? id;
  return (
    <Page title={board.name} actions={<Actions board={board} />}>
      {board.panels.length === 0 ? (
        <Empty title="No panels yet">Edit the board to add some.</Empty>
      ) : (
        <Grid>
          {board.panels.map((terms, index) => (
            <Grid.Col key={`${index} ${terms.indicator}`} span={terms.wide ? 12 : { base: 12, lg: 6 }}>
              <Panel title={terms.title || sentence(terms.indicator)} hint={terms.member || undefined}>
                <Drawn terms={terms} />
              </Panel>
            </Grid.Col>
          ))}
        </Grid>
      )}
      <Text size="sm" c="dimmed">
        {`Changed ${formatTime(board.changed_at, zone)} by ${board.changed_by}. `}
        <Go to="/panels">All boards</Go>
      </Text>
    </Page>
  );
}

function Actions({ board }: { board: Schemas["ViewItem"] }) {
  const session = useSession();
  const along = useAlong();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [sure, setSure] = useState(false);
  const removal = api.useMutation("delete", "/api/v1/monitoring/views/{view_id}", {
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["get", "/api/v1/monitoring/views"] });
      void navigate({ to: "/panels", search: along });
    },
  });
  if (!may(session, "operate")) return null;
  return (
    <Group gap="xs">
      {removal.error !== null && (
        <Text size="sm" role="alert">
          {sentenceOf(removal.error)}
        </Text>
      )}
      <Button
        size="xs"
        variant="default"
        renderRoot={(props) => <Link {...props} to={`/panels/${board.id}`} search={{ ...along, edit: "1" }} />}
      >
        Edit
      </Button>
      <Button
        size="xs"
        variant="default"
        loading={removal.isPending}
        onClick={() => (sure ? removal.mutate({ params: { path: { view_id: board.id } } }) : setSure(true))}
        onBlur={() => setSure(false)}
      >
        {sure ? "Delete it, truly" : "Delete"}
      </Button>
    </Group>
  );
}
