import { Group, Stack, Text } from "@mantine/core";
import { Go } from "@/app/link";
import { usePart } from "@/app/part";
import { Page } from "@/app/page";
import { may, useSession } from "@/app/session";
import { Budgets } from "../costs/budgets";
import { Notifications } from "../alerts/notifications";
import { Audit } from "./audit";
import { Escalation } from "./escalation";
import { Tokens } from "./tokens";

const PARTS = [
  ["tokens", "Tokens", "admin", Tokens],
  ["budgets", "Budgets", "read", Budgets],
  ["channels", "Channels", "read", Notifications],
  ["escalation", "Escalation", "read", Escalation],
  ["audit", "Audit", "admin", Audit],
] as const;

export function View() {
  const part = usePart("part");
  const session = useSession();
  const open = PARTS.filter(([, , scope]) => may(session, scope));
  const chosen = open.find(([id]) => id === part) ?? (part === undefined ? open[0] : undefined);
  const Part = chosen?.[3];
  return (
    <Page title={chosen === undefined ? "Settings" : `Settings: ${chosen[1].toLowerCase()}`}>
      <Group component="nav" gap="md" aria-label="Parts of settings">
        {open.map(([id, name]) => (
          <Go key={id} to={`/settings/${id}`} fz="sm" fw={id === chosen?.[0] ? 700 : 400}>
            {name}
          </Go>
        ))}
      </Group>
      <Stack gap="md">
        {Part === undefined ? (
          session !== undefined && <Text size="sm">There is no such part, or this session may not see it.</Text>
        ) : (
          <Part />
        )}
      </Stack>
    </Page>
  );
}
