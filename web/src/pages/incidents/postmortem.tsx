import { Button, Code, Group } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { useState } from "react";
import { api } from "@/api/client";
import { download } from "@/charts/download";
import { Answer, Part } from "@/measure";

/** A draft in Markdown, made of facts alone. */
export function PostMortem({ id }: { id: string }) {
  const [wanted, want] = useState(false);
  return (
    <Part
      title="Post-mortem"
      aside={
        !wanted && (
          <Button size="compact-xs" variant="default" onClick={() => want(true)}>
            Draft one
          </Button>
        )
      }
    >
      {wanted && <Draft id={id} />}
    </Part>
  );
}

function Draft({ id }: { id: string }) {
  const clipboard = useClipboard();
  const query = api.useQuery("get", "/api/v1/monitoring/incidents/{incident_id}/postmortem", {
    params: { path: { incident_id: id } },
    parseAs: "text",
  });
  return (
    <Answer query={query} what="the draft">
      {(data) => {
        const text = String(data);
        const save = () =>
          download(URL.createObjectURL(new Blob([text], { type: "text/markdown" })), `incident-${id}.md`);
        return (
          <>
            <Group gap="xs" mb="xs">
              <Button size="compact-xs" variant="default" onClick={() => clipboard.copy(text)}>
                {clipboard.copied ? "Copied" : "Copy"}
              </Button>
              <Button size="compact-xs" variant="default" onClick={save}>
                Download
              </Button>
            </Group>
            <Code block tabIndex={0}>
              {text}
            </Code>
          </>
        );
      }}
    </Answer>
  );
}
