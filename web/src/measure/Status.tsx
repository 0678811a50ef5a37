import { Badge } from "@mantine/core";

/** Shape and word say it as well as the colour. */
const LOOKS: Record<string, { colour: string; shape: string }> = {
  healthy: { colour: "green", shape: "●" },
  ok: { colour: "green", shape: "●" },
  resolved: { colour: "green", shape: "●" },
  within: { colour: "green", shape: "●" },
  degraded: { colour: "yellow", shape: "▲" },
  warning: { colour: "yellow", shape: "▲" },
  pending: { colour: "yellow", shape: "▲" },
  acknowledged: { colour: "yellow", shape: "▲" },
  critical: { colour: "red", shape: "■" },
  firing: { colour: "red", shape: "■" },
  open: { colour: "red", shape: "■" },
  error: { colour: "red", shape: "■" },
  info: { colour: "blue", shape: "○" },
  alive: { colour: "green", shape: "●" },
  closed: { colour: "green", shape: "●" },
  approved: { colour: "green", shape: "●" },
  inside: { colour: "green", shape: "●" },
  sent: { colour: "green", shape: "●" },
  mitigated: { colour: "yellow", shape: "▲" },
  half_open: { colour: "yellow", shape: "▲" },
  above_band: { colour: "yellow", shape: "▲" },
  outside: { colour: "red", shape: "■" },
  below_band: { colour: "red", shape: "■" },
  rejected: { colour: "red", shape: "■" },
  failed: { colour: "red", shape: "■" },
  opened: { colour: "red", shape: "■" },
  idle: { colour: "blue", shape: "○" },
  suppressed: { colour: "blue", shape: "○" },
  inactive: { colour: "blue", shape: "○" },
  flowing: { colour: "green", shape: "●" },
  quiet: { colour: "blue", shape: "○" },
  broken: { colour: "red", shape: "■" },
  silent: { colour: "red", shape: "■" },
  warned: { colour: "yellow", shape: "▲" },
  exhausted: { colour: "red", shape: "■" },
  reporting: { colour: "green", shape: "●" },
  unknown: { colour: "gray", shape: "?" },
};

const UNKNOWN = { colour: "gray", shape: "?" };

type BadgeProps = {
  status: string | null | undefined;
  reason?: string | undefined;
  /** The status that it looks like, where its own word does not say how bad it is. */
  like?: string | undefined;
};

export function StatusBadge({ status, reason, like }: BadgeProps) {
  const word = status ?? "unknown";
  const { colour, shape } = LOOKS[like ?? word] ?? UNKNOWN;
  return (
    <Badge
      variant="default"
      size="sm"
      radius="sm"
      className="status"
      data-status={word}
      title={reason}
      leftSection={
        <span aria-hidden="true" className="status-dot" data-colour={colour}>
          {shape}
        </span>
      }
    >
      {word.replaceAll("_", " ")}
    </Badge>
  );
}

/** The shape alone, where the word stands beside it anyhow; it is read out all the same. */
export function StatusDot({ status }: { status: string | null | undefined }) {
  const word = status ?? "unknown";
  const { colour, shape } = LOOKS[word] ?? UNKNOWN;
  return (
    <span role="img" aria-label={word} className="status-dot" data-colour={colour}>
      {shape}
    </span>
  );
}
