import { Button, Group, Stack } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { api, type Schemas } from "@/api/client";
import { useDone } from "@/app/done";
import { Chosen, Refused, Typed } from "@/app/form";
import { useAddress, useRange } from "@/app/range";
import { may, useSession } from "@/app/session";
import { Answer, Part, Rows } from "@/measure";

const PATH = "/api/v1/monitoring/silences";
const LENGTHS = [
  { value: "900", label: "15 min" },
  { value: "3600", label: "1 h" },
  { value: "14400", label: "4 h" },
  { value: "86400", label: "1 d" },
];

/** What is kept quiet, until when, and why. */
export function Silences() {
  const operates = may(useSession(), "operate");
  const query = api.useQuery("get", PATH, {}, { meta: { live: "alerts" } });
  return (
    <Stack gap="md">
      {operates && <New />}
      <Part title="In force and to come">
        <Answer query={query} what="the silences">
          {({ items }) => (
            <Rows
              label="Silences"
              rows={items.map((item) => ({
                ...item,
                fits: item.matchers.map((each) => `${each.name} ${each.op ?? "="} ${each.value}`).join(" and "),
                end: item.id,
              }))}
              columns={[
                "fits",
                "kind",
                "environment",
                "starts_at",
                "ends_at",
                "created_by",
                "reason",
                ...(operates ? (["end"] as const) : []),
              ]}
              titles={{ end: "" }}
              cell={(field, row) => (field === "end" ? <End id={row.id} what={row.fits} /> : undefined)}
              empty="Nothing is silenced."
            />
          )}
        </Answer>
      </Part>
    </Stack>
  );
}

function End({ id, what }: { id: Schemas["SilenceItem"]["id"]; what: string }) {
  const done = useDone();
  const end = api.useMutation("delete", `${PATH}/{silence_id}`, { onSuccess: () => done("The silence has ended.") });
  return (
    <Button
      size="compact-xs"
      variant="default"
      aria-label={`End the silence of ${what}`}
      loading={end.isPending}
      onClick={() => end.mutate({ params: { path: { silence_id: id } } })}
    >
      End
    </Button>
  );
}

function New() {
  const { environment } = useRange();
  const [address] = useAddress();
  const [rule, setRule] = useState(address.rule ?? "");
  const [member, setMember] = useState(address.member ?? "");
  const [lasts, setLasts] = useState("3600");
  const [reason, setReason] = useState("");
  const done = useDone();
  const make = api.useMutation("post", PATH, {
    onSuccess: () => {
      setReason("");
      done("It is silenced: it still shows here, but nobody is told.");
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const op = rule.includes("*") ? ("like" as const) : ("=" as const);
    const matchers = [
      { name: "rule", op, value: rule },
      ...(member === "" ? [] : [{ name: "member", op: "=" as const, value: member }]),
    ];
    make.mutate({ body: { kind: "silence", environment, matchers, lasts_s: Number(lasts), reason } });
  };
  return (
    <Part title="Silence alerts">
      <form onSubmit={submit}>
        <Group gap="xs" align="end">
          <Typed label="Rule" description="* stands for anything" required value={rule} onText={setRule} />
          <Typed label="Member" description="empty: all" value={member} onText={setMember} />
          <Chosen label="For" data={LENGTHS} value={lasts} onText={setLasts} />
          <Typed label="Reason" required value={reason} onText={setReason} />
          <Button type="submit" size="xs" loading={make.isPending}>
            Silence
          </Button>
        </Group>
        <Refused error={make.error} />
      </form>
    </Part>
  );
}
