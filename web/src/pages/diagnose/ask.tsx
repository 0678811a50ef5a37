import { Button, Group, Text } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";
import { api } from "@/api/client";
import { Chosen, Typed } from "@/app/form";
import { useHere, useRange } from "@/app/range";
import { askedTarget, chosenTarget, KINDS, targetOf } from "@/diagnosis/target";

const WORDS = "question";
const CHOICES = [
  { value: WORDS, label: "Question" },
  ...[...KINDS, "trace", "user", "order", "area"].map((value) => ({ value, label: value })),
];

/** Asks by words, or for a target by name. */
export function Ask() {
  const address = useHere();
  const [asked] = Object.entries(askedTarget(address) ?? {});
  const [kind, name] = asked ?? [WORDS, ""];
  return <Form key={`${kind} ${name}`} kind={kind} name={name} />;
}

function Form({ kind: first, name }: { kind: string; name: string }) {
  const navigate = useNavigate();
  const address = useHere();
  const [kind, setKind] = useState(first);
  const [text, setText] = useState(name);
  const [failed, setFailed] = useState(false);
  const { environment } = useRange();
  const params = { query: { environment, limit: 200 } };
  const services = api.useQuery(
    "get",
    "/api/v1/monitoring/services",
    { params },
    { enabled: kind === WORDS && text !== "" },
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() === "") return;
    const ids = services.data?.items.map(({ id }) => id) ?? [];
    const target = kind === WORDS ? targetOf(text, ids) : chosenTarget(kind, text.trim());
    setFailed(target === undefined);
    if (target !== undefined) void navigate({ to: target.path, search: { ...kept(address), ...target.search } });
  };
  return (
    <form onSubmit={submit} role="search" aria-label="Ask">
      <Group gap="xs" align="end">
        <Chosen
          label="About"

          data={CHOICES}
          value={kind}
          onText={setKind}
        />
        <Typed
          label={kind === WORDS ? "Question, or any id" : "Name or id"}

          value={text}
          onText={(text) => setText(text)}
          placeholder={kind === WORDS ? "Why is trade_execution_service slow?" : ""}
          style={{ flexGrow: 1, minWidth: 200 }}
        />
        <Button type="submit" size="xs" disabled={kind === WORDS && services.isLoading}>
          Diagnose
        </Button>
      </Group>
      {failed && (
        <Text size="sm" role="alert" mt={4}>
          These words name nothing that is known. Name a service, a feature, or the id of an incident, alert, trace,
          order or user.
        </Text>
      )}
    </form>
  );
}

/** The range is kept, what was asked before is not. */
function kept({ range, from, to, environment, zone }: ReturnType<typeof useHere>) {
  return { range, from, to, environment, zone };
}
