import { Alert, Button, Code, Group, MultiSelect, Stack } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { useState, type FormEvent } from "react";
import { api, type Schemas } from "@/api/client";
import { useDone } from "@/app/done";
import { Chosen, Refused, Typed } from "@/app/form";
import { Answer, Part, Rows } from "@/measure";

const PATH = "/api/v1/monitoring/tokens";
const SCOPES = ["ingest", "read", "operate", "admin"];
const LENGTHS = [
  { value: "", label: "it is ended" },
  { value: "86400", label: "1 d" },
  { value: "2592000", label: "30 d" },
  { value: "31536000", label: "1 year" },
];

/** Who may do what by a token; the text of a new one is shown this once. */
export function Tokens() {
  const query = api.useQuery("get", PATH);
  return (
    <Stack gap="md">
      <New />
      <Part title="Tokens">
        <Answer query={query} what="the tokens">
          {({ items }) => (
            <Rows
              label="Tokens"
              rows={items.map((item) => ({ ...item, end: item.id }))}
              columns={[
                "name",
                "scopes",
                "created_at",
                "created_by",
                "expires_at",
                "revoked_at",
                "last_used_at",
                "end",
              ]}
              titles={{ end: "" }}
              limit={40}
              cell={(field, row) => {
                if (field === "end") return row.revoked_at === null ? <Revoke id={row.id} name={row.name} /> : "ended";
                return (field === "expires_at" || field === "revoked_at" || field === "last_used_at") &&
                  row[field] === null
                  ? "never"
                  : undefined;
              }}
            />
          )}
        </Answer>
      </Part>
    </Stack>
  );
}

function Revoke({ id, name }: { id: Schemas["TokenItem"]["id"]; name: string }) {
  const done = useDone();
  const revoke = api.useMutation("delete", `${PATH}/{token_id}`, {
    onSuccess: () => done(`Token ${name} and its sessions have ended.`),
  });
  return (
    <>
      <Button
        size="compact-xs"
        variant="default"
        aria-label={`Revoke ${name}`}
        loading={revoke.isPending}
        onClick={() => revoke.mutate({ params: { path: { token_id: id } } })}
      >
        Revoke
      </Button>
      <Refused error={revoke.error} />
    </>
  );
}

function New() {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<string[]>(["read"]);
  const [user, setUser] = useState("");
  const [lasts, setLasts] = useState("2592000");
  const done = useDone();
  const make = api.useMutation("post", PATH, { onSuccess: () => done("The token is in force.") });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const all = [...scopes, ...(user === "" ? [] : [`user:${user}`])];
    make.mutate({ body: { name, scopes: all, expires_in_s: lasts === "" ? null : Number(lasts), reason: "" } });
  };
  return (
    <Part title="Make a token">
      <form onSubmit={submit}>
        <Group gap="xs" align="end">
          <Typed label="Name" required value={name} onText={setName} />
          <MultiSelect size="xs" label="Scopes" data={SCOPES} value={scopes} onChange={setScopes} />
          <Typed label="Only this user" value={user} onText={setUser} />
          <Chosen label="Until" data={LENGTHS} value={lasts} onText={setLasts} />
          <Button type="submit" size="xs" loading={make.isPending}>
            Make token
          </Button>
        </Group>
      </form>
      <Refused error={make.error} />
      {make.data !== undefined && <Shown issued={make.data} />}
    </Part>
  );
}

function Shown({ issued }: { issued: Schemas["TokenIssued"] }) {
  const clipboard = useClipboard();
  return (
    <Alert mt="xs" title="It is shown this once">
      <Group>
        <Code data-secret="">{issued.token}</Code>
        <Button size="compact-xs" variant="default" onClick={() => clipboard.copy(issued.token)}>
          {clipboard.copied ? "Copied" : "Copy"}
        </Button>
      </Group>
    </Alert>
  );
}
