import { Anchor, Button, Group, Popover, Stack, Text, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Link, useRouterState } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";
import { api, sentenceOf, type Schemas } from "@/api/client";
import { readAddress } from "@/app/address";
import { may, useSession } from "@/app/session";

const VIEWS = "/api/v1/monitoring/views";
const MOST_LISTED = 100;

/** Saved views: links to whole addresses, and a form that saves this one. */
export function Views() {
  const [opened, setOpened] = useState(false);
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" shadow="md" width={300} trapFocus>
      <Popover.Target>
        <Button
          variant="default"
          size="xs"
          px="xs"
          onClick={() => setOpened(!opened)}
          aria-label="Saved views"
          title="Saved views"
        >
          ☆
        </Button>
      </Popover.Target>
      <Popover.Dropdown>{opened && <Inside onDone={() => setOpened(false)} />}</Popover.Dropdown>
    </Popover>
  );
}

function Inside({ onDone }: { onDone: () => void }) {
  const operates = may(useSession(), "operate");
  const params = { query: { kind: "view" as const, limit: MOST_LISTED } };
  const { data, error } = api.useQuery("get", VIEWS, { params });
  const items = data?.items ?? [];
  return (
    <Stack gap="xs">
      <Text size="sm" fw={600}>
        Saved views
      </Text>
      {error !== null && (
        <Text size="sm" role="alert">
          {sentenceOf(error)}
        </Text>
      )}
      {data !== undefined && items.length === 0 && <Text size="sm">None yet.</Text>}
      <Stack gap={4} mah={300} style={{ overflowY: "auto" }}>
        {items.map((view) => (
          <Saved key={view.id} view={view} operates={operates} onDone={onDone} />
        ))}
      </Stack>
      {operates && <Save />}
    </Stack>
  );
}

type SavedProps = { view: Schemas["ViewItem"]; operates: boolean; onDone: () => void };

function Saved({ view, operates, onDone }: SavedProps) {
  const changed = useChanged();
  const removal = api.useMutation("delete", "/api/v1/monitoring/views/{view_id}", { onSuccess: changed });
  const [path = "/", query = ""] = view.address.split("?", 2);
  const search = readAddress(query);
  return (
    <Group gap="xs" wrap="nowrap" justify="space-between">
      <Anchor size="sm" renderRoot={(props) => <Link {...props} to={path} search={search} onClick={onDone} />}>
        {view.name}
      </Anchor>
      {operates && (
        <Button
          size="compact-xs"
          variant="subtle"
          c="inherit"
          aria-label={`Delete the view ${view.name}`}
          loading={removal.isPending}
          onClick={() => removal.mutate({ params: { path: { view_id: view.id } } })}
        >
          ×
        </Button>
      )}
    </Group>
  );
}

/** Keeps the address as it is now under a name. */
function Save() {
  const address = useRouterState({ select: ({ location }) => location.pathname + location.searchStr });
  const [name, setName] = useState("");
  const changed = useChanged();
  const saving = api.useMutation("post", VIEWS, {
    onSuccess: () => {
      setName("");
      changed();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() !== "") saving.mutate({ body: { kind: "view", name: name.trim(), address, panels: [] } });
  };
  return (
    <form onSubmit={submit}>
      <Group gap="xs" align="end" wrap="nowrap">
        <TextInput
          size="xs"
          label="Save this view as"
          maxLength={128}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Button type="submit" size="xs" loading={saving.isPending} disabled={name.trim() === ""}>
          Save
        </Button>
      </Group>
      {saving.error !== null && (
        <Text size="sm" role="alert">
          {sentenceOf(saving.error)}
        </Text>
      )}
    </form>
  );
}

function useChanged(): () => void {
  const queries = useQueryClient();
  return () => void queries.invalidateQueries({ queryKey: ["get", VIEWS] });
}
