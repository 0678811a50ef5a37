import { Button, Group, Stack, Text } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { api, type Schemas } from "@/api/client";
import { useRange } from "@/app/range";
import { may, useSession } from "@/app/session";
import { useDone } from "@/app/done";
import { Chosen, Refused, Typed } from "@/app/form";
import { Answer, Measured, Part, Rows, StatusBadge } from "@/measure";

type Budget = Schemas["BudgetItem"];
type Wanted = Schemas["BudgetWanted"];
const PATH = "/api/v1/monitoring/costs/budgets";
const COLUMNS = [
  "name",
  "state",
  "scope",
  "value",
  "period",
  "amount_usd",
  "spent_usd",
  "left_usd",
  "budget_used_ratio",
  "resets_at",
  "changed_by",
  "end",
] as const;
const SCOPES = ["all", "category", "provider", "model", "user", "cohort", "feature"] as const;

/** Every budget, how it stands, and for operators the ways to set and end one. */
export function Budgets() {
  const { environment } = useRange();
  const operates = may(useSession(), "operate");
  const query = api.useQuery("get", PATH, { params: { query: { environment } } }, { meta: { live: true } });
  return (
    <Stack gap="md">
      <Part title="Budgets">
        <Answer query={query} what="the budgets">
          {(data) => (
            <>
              <Text size="sm" mb="xs">
                <StatusBadge status={data.state} />{" "}
                {data.coverage !== null && (
                  <>
                    <Measured
                      value={data.coverage.covered_ratio}
                      unit="ratio"
                      label="Share of this month's spending under a budget"
                    />{" "}
                    of this month&apos;s spending is under a budget.
                  </>
                )}
              </Text>
              <Rows
                label="Budgets"
                rows={data.items.map((item) => ({ ...item, amount_usd: Number(item.amount_usd), end: item.id }))}
                columns={operates ? COLUMNS : COLUMNS.slice(0, -1)}
                titles={{ end: "" }}
                cell={(field, row) => (field === "end" ? <End budget={row.id} name={row.name} /> : undefined)}
                empty="No budget is set."
              />
            </>
          )}
        </Answer>
      </Part>
      {operates && <New environment={environment} />}
    </Stack>
  );
}

function End({ budget, name }: { budget: Budget["id"]; name: string }) {
  const done = useDone();
  const end = api.useMutation("delete", `${PATH}/{budget_id}`, { onSuccess: () => done(`Budget ${name} has ended.`) });
  return (
    <Button
      size="compact-xs"
      variant="default"
      aria-label={`End budget ${name}`}
      loading={end.isPending}
      onClick={() => end.mutate({ params: { path: { budget_id: budget } } })}
    >
      End
    </Button>
  );
}

const NOTHING: Wanted = { name: "", scope: "all", value: "", period: "month", amount_usd: "" } as Wanted;

function New({ environment }: { environment: string }) {
  const [wanted, want] = useState<Wanted>(NOTHING);
  const done = useDone();
  const set = api.useMutation("post", PATH, {
    onSuccess: () => {
      want(NOTHING);
      done("The budget counts from now on.");
    },
  });
  const change = (part: Partial<Wanted>) => want((before) => ({ ...before, ...part }));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    set.mutate({ body: { ...wanted, environment } });
  };
  return (
    <Part title="Set a budget">
      <form onSubmit={submit}>
        <Group align="end" gap="xs">
          <Typed label="Name" required value={wanted.name} onText={(text) => change({ name: text })} />
          <Chosen
            label="Of"
            data={[...SCOPES]}
            value={wanted.scope}
            onText={(text) => change({ scope: text as Wanted["scope"] })}
          />
          {wanted.scope !== "all" && (
            <Typed label="Which" required value={wanted.value ?? ""} onText={(text) => change({ value: text })} />
          )}
          <Chosen
            label="By the"
            data={["day", "week", "month"]}
            value={wanted.period}
            onText={(text) => change({ period: text as Wanted["period"] })}
          />
          <Typed
            label="Amount in USD"
            required
            inputMode="decimal"
            value={wanted.amount_usd}
            onText={(text) => change({ amount_usd: text })}
          />
          <Button type="submit" size="xs" loading={set.isPending}>
            Set budget
          </Button>
        </Group>
        <Refused error={set.error} />
      </form>
    </Part>
  );
}
