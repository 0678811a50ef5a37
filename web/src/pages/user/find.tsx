import { Button, Group } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api } from "@/api/client";
import { Typed } from "@/app/form";
import { useAsked } from "@/app/fresh";
import { useAlong } from "@/app/link";
import { Page } from "@/app/page";
import { Answer, Basis, Part, Rows } from "@/measure";

const COLUMNS = [
  "user",
  "cost_usd",
  "share_ratio",
  "change_usd",
  "ai_usd",
  "charged_usd",
  "calls",
  "input_tokens",
  "output_tokens",
] as const;

/** A way to any user, and those who cost most. */
export function Find() {
  const [id, setId] = useState("");
  const navigate = useNavigate();
  const along = useAlong();
  const { init, options } = useAsked();
  const query = api.useQuery(
    "get",
    "/api/v1/monitoring/costs/breakdown",
    { params: { query: { ...init.params.query, by: "user" } } },
    options,
  );
  return (
    <Page title="User">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (id.trim() !== "") void navigate({ to: `/user/${encodeURIComponent(id.trim())}`, search: along });
        }}
      >
        <Group align="end" gap="xs">
          <Typed label="User id" value={id} onText={setId} />
          <Button type="submit" size="xs">
            Look
          </Button>
        </Group>
      </form>
      <Answer query={query} what="who costs most">
        {(data) => (
          <Part title="Who costs most" note={<Basis section={data} />}>
            <Rows
              label="Users by cost"
              rows={data.items.map((item) => ({ ...item, user: item.key.user ?? "" }))}
              columns={COLUMNS}
              section={data}
              limit={25}
            />
          </Part>
        )}
      </Answer>
    </Page>
  );
}
