import { Button, Checkbox, Fieldset, Group, Stack, Text, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";
import { api, sentenceOf, type Schemas } from "@/api/client";
import { Typed } from "@/app/form";
import { Go, useAlong } from "@/app/link";
import { Page } from "@/app/page";
import { swapped } from "@/pages/panels/bounds";
import type { PanelTerms } from "@/pages/panels/drawn";
import { PanelFields } from "@/pages/panels/fields";

const MOST = 24;
const EMPTY: PanelTerms = { title: "", indicator: "", member: "", chart: "line", wide: false };

type Board = Schemas["ViewItem"];

/** The form of a board: a new one, or one that is there. */
export function Editor({ board }: { board?: Board }) {
  const [name, setName] = useState(board?.name ?? "");
  const [panels, setPanels] = useState<readonly PanelTerms[]>(board?.panels ?? [EMPTY]);
  const { save, error, busy } = useSave(board?.id);
  const whole = name.trim() !== "" && panels.every(({ indicator }) => indicator !== "");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (whole) save(name.trim(), [...panels]);
  };
  return (
    <Page title={board === undefined ? "New board" : `Edit ${board.name}`}>
      <form onSubmit={submit}>
        <Stack gap="sm">
          <TextInput
            label="Name of the board"
            maxLength={128}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          {panels.map((terms, index) => (
            <One
              key={index}
              at={index}
              terms={terms}
              change={(changed) => setPanels(panels.map((each, at) => (at === index ? changed : each)))}
              remove={() => setPanels(panels.filter((_, at) => at !== index))}
              raise={index === 0 ? undefined : () => setPanels(swapped(panels, index, index - 1))}
            />
          ))}
          {error !== null && (
            <Text role="alert" size="sm">
              {sentenceOf(error)}
            </Text>
          )}
          <Group gap="sm">
            <Button variant="default" disabled={panels.length >= MOST} onClick={() => setPanels([...panels, EMPTY])}>
              Add a panel
            </Button>
            <Button type="submit" loading={busy} disabled={!whole}>
              Save
            </Button>
            <Go to={board === undefined ? "/panels" : `/panels/${board.id}`}>Leave as it was</Go>
            {!whole && <Text size="sm">A board wants a name, and each panel an indicator.</Text>}
          </Group>
        </Stack>
      </form>
    </Page>
  );
}

type OneProps = {
  at: number;
  terms: PanelTerms;
  change: (terms: PanelTerms) => void;
  remove: () => void;
  raise: (() => void) | undefined;
};

function One({ at, terms, change, remove, raise }: OneProps) {
  return (
    <Fieldset legend={`Panel ${at + 1}`}>
      <Stack gap="xs">
        <Typed
          label="Title"
          placeholder="the indicator's own sentence"
          maxLength={128}
          value={terms.title}
          onText={(text) => change({ ...terms, title: text })}
        />
        <PanelFields terms={terms} change={change} />
        <Group gap="sm">
          <Checkbox
            label="Over the whole width"
            checked={terms.wide}
            onChange={(event) => change({ ...terms, wide: event.currentTarget.checked })}
          />
          {raise !== undefined && (
            <Button size="compact-xs" variant="default" onClick={raise}>
              Move up
            </Button>
          )}
          <Button size="compact-xs" variant="default" onClick={remove}>
            Remove
          </Button>
        </Group>
      </Stack>
    </Fieldset>
  );
}

/** Saves a new board, or puts this one in the place of `id`; then shows it. */
function useSave(id: number | undefined) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const along = useAlong();
  const shown = (board: Board) => {
    void queries.invalidateQueries({
      predicate: ({ queryKey }) => String(queryKey[1]).startsWith("/api/v1/monitoring/views"),
    });
    void navigate({ to: `/panels/${board.id}`, search: along });
  };
  const made = api.useMutation("post", "/api/v1/monitoring/views", { onSuccess: shown });
  const changed = api.useMutation("put", "/api/v1/monitoring/views/{view_id}", { onSuccess: shown });
  const save = (name: string, panels: PanelTerms[]) => {
    const body = { kind: "board" as const, name, address: "", panels };
    if (id === undefined) made.mutate({ body });
    else changed.mutate({ body, params: { path: { view_id: id } } });
  };
  return { save, error: made.error ?? changed.error, busy: made.isPending || changed.isPending };
}
