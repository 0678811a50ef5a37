import { Button, Code, Group, Stack, Text } from "@mantine/core";
import { api, type Schemas } from "@/api/client";
import { useDone } from "@/app/done";
import { Chosen, Refused, Typed } from "@/app/form";
import { Go } from "@/app/link";
import { useAddress } from "@/app/range";
import { may, useSession } from "@/app/session";
import { Answer, Part, Rows } from "@/measure";

type Rule = Schemas["RuleItem"];
const PATH = "/api/v1/monitoring/rules/{rule_id}";
const COLUMNS = ["id", "severity", "sentence", "area", "enabled", "origin", "runbook"] as const;

/** What can fire. One rule's text stands under the list. */
export function Rules() {
  const [address, change] = useAddress();
  const { severity = "", origin = "", q = "", rule = "" } = address;
  const given = Object.fromEntries(Object.entries({ severity, origin }).filter(([, value]) => value !== ""));
  const query = api.useQuery("get", "/api/v1/monitoring/rules", { params: { query: { limit: 1000, ...given } } });
  return (
    <Stack gap="md">
      {rule !== "" && <One id={rule} />}
      <Group gap="xs" align="end">
        <Typed label="Text" value={q} onText={(text) => change({ q: text })} />
        <Chosen
          label="Severity"
          data={["", "critical", "warning", "info"]}
          value={severity}
          onText={(text) => change({ severity: text })}
        />
        <Chosen
          label="Origin"
          data={["", "shipped", "own"]}
          value={origin}
          onText={(text) => change({ origin: text })}
        />
      </Group>
      <Answer query={query} what="the rules">
        {({ items, refused }) => (
          <>
            {refused.length > 0 && <Rows label="Rules that were refused" rows={refused} />}
            <Rows
              label="Rules"
              rows={items.filter(
                (item) => q === "" || `${item.id} ${item.sentence}`.toLowerCase().includes(q.toLowerCase()),
              )}
              columns={COLUMNS}
              limit={40}
              cell={(field, row) =>
                field === "id" ? (
                  <Go to="/alerts/rules" search={{ rule: row.id, q, severity, origin }} fz="xs">
                    {row.id}
                  </Go>
                ) : undefined
              }
            />
          </>
        )}
      </Answer>
    </Stack>
  );
}

function One({ id }: { id: string }) {
  const query = api.useQuery("get", PATH, { params: { path: { rule_id: id } } });
  return (
    <Answer query={query} what="the rule">
      {(rule) => <Shown rule={rule} />}
    </Answer>
  );
}

function Shown({ rule }: { rule: Rule }) {
  const operates = may(useSession(), "operate");
  const done = useDone();
  const put = api.useMutation("put", PATH, { onSuccess: () => done("The rule was changed, and counts at once.") });
  const back = api.useMutation("delete", PATH, { onSuccess: () => done("The change was taken back.") });
  const params = { path: { rule_id: rule.id } };
  const error = put.error ?? back.error;
  return (
    <Part
      title={rule.id}
      aside={
        <Go to="/alerts/replay" search={{ rule: rule.id }} fz="xs">
          Hold it against history
        </Go>
      }
    >
      <Text size="sm">{rule.sentence}</Text>
      <Code block mt="xs" tabIndex={0}>
        {JSON.stringify(rule.entry, null, 2)}
      </Code>
      {operates && (
        <Group gap="xs" mt="xs">
          <Button
            size="compact-xs"
            variant="default"
            onClick={() => put.mutate({ params, body: { entry: { enabled: !rule.enabled }, reason: "by the pages" } })}
          >
            {rule.enabled ? "Switch it off" : "Switch it on"}
          </Button>
          {Object.keys(rule.change).length > 0 && (
            <Button size="compact-xs" variant="default" onClick={() => back.mutate({ params })}>
              Take the change back
            </Button>
          )}
        </Group>
      )}
      <Refused error={error} />
    </Part>
  );
}
