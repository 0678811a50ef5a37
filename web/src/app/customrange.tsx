import { Button, Popover, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import type { Zone } from "@/app/address";
import type { Range } from "@/app/range";

/** Any range, from one time to another, in the zone that times are shown in. */
export function CustomRange({ range }: { range: Range }) {
  const [opened, setOpened] = useState(false);
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" shadow="md" trapFocus withinPortal={false}>
      <Popover.Target>
        <Button variant="default" size="xs" px="xs" onClick={() => setOpened(!opened)}>
          From–to
        </Button>
      </Popover.Target>
      <Popover.Dropdown>{opened && <Form range={range} onDone={() => setOpened(false)} />}</Popover.Dropdown>
    </Popover>
  );
}

function Form({ range, onDone }: { range: Range; onDone: () => void }) {
  const [from, setFrom] = useState(field(range.from, range.zone));
  const [to, setTo] = useState(field(range.to, range.zone));
  const [start, end] = [instant(from, range.zone), instant(to, range.zone)];
  const good = start !== undefined && end !== undefined && start < end;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (!good) return;
        range.set({ from: start, to: end, range: undefined });
        onDone();
      }}
    >
      <Stack gap="xs">
        <TextInput
          type="datetime-local"
          label={`From (${range.zone})`}
          value={from}
          onChange={(event) => setFrom(event.currentTarget.value)}
        />
        <TextInput
          type="datetime-local"
          label={`To (${range.zone})`}
          value={to}
          onChange={(event) => setTo(event.currentTarget.value)}
        />
        {!good && from !== "" && to !== "" && (
          <Text size="xs" role="alert">
            The end must come after the start.
          </Text>
        )}
        <Button type="submit" size="xs" disabled={!good}>
          Show
        </Button>
      </Stack>
    </form>
  );
}

/** What a field of the browser's shows for an instant: `2026-01-02T03:04`. */
export function field(iso: string | undefined, zone: Zone): string {
  if (iso === undefined) return "";
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return "";
  const shifted = zone === "utc" ? at : new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}

/** The instant that such a field means. */
export function instant(text: string, zone: Zone): string | undefined {
  const at = new Date(zone === "utc" ? `${text}Z` : text);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}
