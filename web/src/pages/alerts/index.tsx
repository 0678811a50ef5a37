import { Group } from "@mantine/core";
import { Go } from "@/app/link";
import { usePart } from "@/app/part";
import { Page } from "@/app/page";
import { Changes } from "./changes";
import { Firing } from "./firing";
import { Notifications } from "./notifications";
import { Replay } from "./replay";
import { Rules } from "./rules";
import { Silences } from "./silences";

const PARTS = [
  [undefined, "Firing", Firing],
  ["history", "History", Changes],
  ["rules", "Rules", Rules],
  ["replay", "Replay", Replay],
  ["silences", "Silences", Silences],
  ["notifications", "Notifications", Notifications],
] as const;

/** What fires, by which rules, who was told, and what is kept quiet. */
export function View() {
  const part = usePart("part");
  const [, title, Part] = PARTS.find(([id]) => id === part) ?? PARTS[0];
  return (
    <Page title={title === "Firing" ? "Alerts" : `Alerts: ${title.toLowerCase()}`}>
      <Group component="nav" gap="md" aria-label="Parts of alerts">
        {PARTS.map(([id, name]) => (
          <Go key={name} to={id === undefined ? "/alerts" : `/alerts/${id}`} fz="sm" fw={id === part ? 700 : 400}>
            {name}
          </Go>
        ))}
      </Group>
      <Part />
    </Page>
  );
}
