import { Button, Group, Stack, Text } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { api, type Schemas } from "@/api/client";
import { Refused, Typed } from "@/app/form";
import { useAsked } from "@/app/fresh";
import { useAddress } from "@/app/range";
import { may, useSession } from "@/app/session";
import { formatDuration, formatNumber, formatRange } from "@/format";
import { Empty, Part, Rows } from "@/measure";

const SECONDS: Record<string, number> = {
  "5m": 300,
  "15m": 900,
  "1h": 3_600,
  "6h": 21_600,
  "24h": 86_400,
  "7d": 604_800,
  "30d": 2_592_000,
};

/** What a rule would have told, had it been in force. */
export function Replay() {
  const { range } = useAsked();
  const [address, change] = useAddress();
  const [rule, setRule] = useState(address.rule ?? "");
  const operates = may(useSession(), "operate");
  const run = api.useMutation("post", "/api/v1/monitoring/rules/replay");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change({ rule });
    const from = range.from ?? new Date(Date.now() - (SECONDS[range.range] ?? 3_600) * 1_000).toISOString();
    run.mutate({
      body: { rule_id: rule, environment: range.environment, from, to: range.to ?? null } as Schemas["ReplayWanted"],
    });
  };
  if (!operates) return <Empty title="Only operators hold rules against history">It takes the server time.</Empty>;
  return (
    <Stack gap="md">
      <form onSubmit={submit}>
        <Group gap="xs" align="end">
          <Typed label="Rule" required value={rule} onText={setRule} />
          <Button type="submit" size="xs" loading={run.isPending}>
            Hold it against the range
          </Button>
        </Group>
      </form>
      <Refused error={run.error} />
      {run.data !== undefined && <Found data={run.data} zone={range.zone} />}
    </Stack>
  );
}

function Found({ data, zone }: { data: Schemas["ReplayAnswer"]; zone: "utc" | "local" }) {
  return (
    <Part title={`${data.rule}: ${formatNumber(data.fires_total)} fires`}>
      <Text size="sm" mb="xs">
        {formatRange(data.from, data.to, zone)}, {formatNumber(data.rounds)} rounds of {formatDuration(data.step_s)}; it
        fired for {formatDuration(data.firing_s)} in all, for {formatNumber(data.members)} members.
        {data.complete ? "" : ` Not complete: ${data.why_incomplete}.`}
      </Text>
      <Rows
        label="Fires"
        rows={data.fires}
        columns={["fired_at", "resolved_at", "duration_s", "severity", "member", "sentence"]}
        limit={40}
        empty="It would not have fired."
      />
    </Part>
  );
}
