/** What the pages of trading, signals, strategies and risk have in common. */
import { Group, List, Stack, Text, Title } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, type ReactNode } from "react";
import { api, type Schemas } from "@/api/client";
import type { Address } from "@/app/address";
import { Go, useAlong } from "@/app/link";
import { useRange, type Range } from "@/app/range";
import { Part, StatusBadge } from "@/measure";
import type { Told } from "@/areas/values";

type Area = keyof Schemas["AreasHealth"];

const SHOWN_REASONS = 3;

/** Health as it is now, or as it was at the end of a range that somebody chose. */
export function useHealth(range: Range) {
  const { environment, to } = range;
  const query = to === undefined ? { environment } : { environment, as_of: to };
  return api.useQuery("get", "/api/v1/monitoring/system-health", { params: { query } }, { meta: { live: true } });
}

/** How the area stands, in words: what is wrong first, or that nothing is. */
export function AreaVerdict({ area, well }: { area: Area; well: string }) {
  const health = useHealth(useRange()).data?.services[area];
  if (health === undefined) return <Verdict status="unknown" lead="The health of the area is not known." />;
  const [first, ...others] = health.reasons;
  return <Verdict status={health.status} lead={first?.sentence ?? leadOf(health.status, well)} others={others} />;
}

function leadOf(status: string, well: string): string {
  return status === "healthy" ? well : "Too little was told to judge the area.";
}

type VerdictProps = { status: string; lead: string; others?: Told<"ReasonItem">[] };

export function Verdict({ status, lead, others = [] }: VerdictProps) {
  const left = others.length - SHOWN_REASONS;
  return (
    <Stack gap={4} data-verdict={status}>
      <Group gap="sm" align="flex-start" className="told">
        <StatusBadge status={status} />
        <Text fw={600}>{capital(lead)}</Text>
      </Group>
      {others.length > 0 && (
        <List size="sm" spacing={2}>
          {others.slice(0, SHOWN_REASONS).map((reason) => (
            <List.Item key={`${reason.subject} ${reason.member}`}>{reason.sentence}</List.Item>
          ))}
          {left > 0 && (
            <List.Item>
              <Go to="/alerts">{`${left} more`}</Go>
            </List.Item>
          )}
        </List>
      )}
    </Stack>
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

type PanelProps = { title: string; hint?: string; children: ReactNode };

/** A part of a page under its heading. */
export function Panel({ title, hint, children }: PanelProps) {
  const note =
    hint === undefined ? null : (
      <Text span size="xs" c="dimmed">
        {hint}
      </Text>
    );
  return (
    <Part title={title} note={note}>
      <Stack gap="sm">{children}</Stack>
    </Part>
  );
}

/** A part of a panel, which has several of them. */
export function Below({ title, told, children }: { title: string; told: string; children: ReactNode }) {
  return (
    <Stack gap={4} miw={0}>
      <Title order={3} size="h6">
        {title}
      </Title>
      <Text size="xs" c="dimmed">
        {told}
      </Text>
      {children}
    </Stack>
  );
}

/** Leads to the traces that `search` finds, along with what the address says. */
export function useTraces(): (search: Address) => void {
  const navigate = useNavigate();
  const along = useAlong();
  return useCallback(
    (search: Address) => void navigate({ to: "/traces", search: { ...along, ...search } }),
    [navigate, along],
  );
}

const BEFORE_MS = 300_000;

/** The time that a point of a series of five minutes tells of. */
export function before(at: string): Address {
  const end = Date.parse(at);
  return Number.isNaN(end) ? {} : { from: new Date(end - BEFORE_MS).toISOString(), to: new Date(end).toISOString() };
}

export { useZoom } from "@/charts";
