import { Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { useState } from "react";
import { api } from "@/api/client";
import { useDone } from "@/app/done";
import { Refused } from "@/app/form";
import { useRange } from "@/app/range";
import { may, useSession } from "@/app/session";
import { formatTime } from "@/format";
import { Answer, Part } from "@/measure";

const PATH = "/api/v1/monitoring/notes";

/** What people wrote beside an alert or an incident. */
export function Notes({ subject }: { subject: string }) {
  const { zone } = useRange();
  const operates = may(useSession(), "operate");
  const [text, setText] = useState("");
  const done = useDone();
  const query = api.useQuery("get", PATH, { params: { query: { subject } } }, { meta: { live: "alerts" } });
  const write = api.useMutation("post", PATH, {
    onSuccess: () => {
      setText("");
      done("Written down.");
    },
  });
  return (
    <Part title="Notes">
      <Answer query={query} what="the notes">
        {({ items }) => (
          <Stack gap={4}>
            {items.length === 0 && <Text size="sm">Nobody has written anything.</Text>}
            {items.map((note) => (
              <Text key={note.id} size="sm">
                <Text span size="xs" c="dimmed">
                  {formatTime(note.at, zone)}, {note.by}:
                </Text>{" "}
                {note.text}
              </Text>
            ))}
          </Stack>
        )}
      </Answer>
      {operates && (
        <Group align="end" mt="xs">
          <Textarea
            size="xs"
            label="Note"
            autosize
            minRows={1}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
          <Button
            size="xs"
            disabled={text.trim() === ""}
            loading={write.isPending}
            onClick={() => write.mutate({ body: { subject, text } })}
          >
            Write down
          </Button>
        </Group>
      )}
      <Refused error={write.error} />
    </Part>
  );
}
