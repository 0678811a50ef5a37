import { Badge, Tooltip } from "@mantine/core";
import type { Link } from "@/app/live";

const TOLD: Record<Link, { colour: string; text: string; why: string }> = {
  connecting: { colour: "gray", text: "connecting", why: "The live stream is being opened." },
  live: { colour: "sea", text: "live", why: "What changes is shown as it changes." },
  lost: {
    colour: "orange",
    text: "stale",
    why: "The live stream is lost and is looked for again. Numbers may be old.",
  },
};

/** Whether what is shown follows what happens. */
export function LinkState({ link }: { link: Link }) {
  const told = TOLD[link];
  return (
    <Tooltip label={told.why}>
      <Badge variant="outline" color={told.colour} size="sm" miw="fit-content" data-link={link}>
        {told.text}
      </Badge>
    </Tooltip>
  );
}
