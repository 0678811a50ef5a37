import { Button, Group, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import type { Schemas } from "@/api/client";
import { useAddress, useRange } from "@/app/range";
import { formatNumber } from "@/format";
import { Empty } from "@/measure";
import { tailAddress } from "@/pages/logs/query";
import { RecordTable } from "@/pages/logs/records";

const MOST_KEPT = 200;

type State = { items: Schemas["LogItem"][]; left: number; link: "connecting" | "live" | "lost" };

/** Records as they arrive, newest first. What comes too fast is counted, not shown. */
export function Tail() {
  const { environment } = useRange();
  const [address] = useAddress();
  const [paused, setPaused] = useState(false);
  const { items, left, link } = useTail(tailAddress(address, environment), paused);
  const said = paused ? "The tail stands still." : SAID[link];
  return (
    <>
      <Group gap="sm">
        <Button size="xs" variant="default" onClick={() => setPaused(!paused)} aria-pressed={paused}>
          {paused ? "Go on" : "Stop"}
        </Button>
        <Text size="sm" role="status">
          {`${said} ${left === 0 ? "" : `${formatNumber(left)} records came too fast to be shown.`}`}
        </Text>
      </Group>
      {items.length === 0 ? (
        <Empty title="Nothing yet">Records that fit the filters appear here within seconds of their arrival.</Empty>
      ) : (
        <RecordTable items={items} />
      )}
    </>
  );
}

const SAID = {
  connecting: "The stream is opened.",
  live: "The stream is live.",
  lost: "The stream is lost; it is looked for.",
};

function useTail(stream: string, paused: boolean): State {
  const [state, setState] = useState<State>({ items: [], left: 0, link: "connecting" });
  useEffect(() => setState({ items: [], left: 0, link: "connecting" }), [stream]);
  useEffect(() => {
    if (paused) return;
    const source = new EventSource(stream);
    source.onopen = () => setState((before) => ({ ...before, link: "live" }));
    source.onerror = () => setState((before) => ({ ...before, link: "lost" }));
    source.addEventListener("logs", (event: MessageEvent<string>) => {
      const item = JSON.parse(event.data) as Schemas["LogItem"];
      setState((before) => ({ ...before, items: joined(item, before.items) }));
    });
    source.addEventListener("logs.dropped", (event: MessageEvent<string>) => {
      const { dropped } = JSON.parse(event.data) as { dropped: number };
      setState((before) => ({ ...before, left: before.left + dropped }));
    });
    return () => source.close();
  }, [stream, paused]);
  return state;
}

/** What comes again after a break is kept once. */
function joined(item: Schemas["LogItem"], before: readonly Schemas["LogItem"][]): Schemas["LogItem"][] {
  if (before.some((each) => each.id === item.id)) return [...before];
  return [item, ...before].slice(0, MOST_KEPT);
}
