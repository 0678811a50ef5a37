import { useQueryClient, type Query, type QueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useState } from "react";
import type { Schemas } from "@/api/client";
import { useRange } from "@/app/range";

export type Link = "connecting" | "live" | "lost";

const HEALTH = "/api/v1/monitoring/system-health";
const SESSION = "/api/v1/monitoring/session";
/** At most so often are live queries asked again, however much the stream tells. */
const PAUSE_MS = 2_000;

export const LiveContext = createContext<Link>("connecting");

/** How the stream stands. */
export function useLink(): Link {
  return useContext(LiveContext);
}

/** Keeps one stream open for the environment shown, and has live queries asked again when it tells something. */
export function useLive(enabled = true): Link {
  const queries = useQueryClient();
  const { environment } = useRange();
  const [link, setLink] = useState<Link>("connecting");
  useEffect(() => {
    if (!enabled) return;
    const again = paced(() => void queries.invalidateQueries({ predicate: (query) => asksAgain(query, true) }));
    const source = new EventSource(`/api/v1/monitoring/stream?environment=${encodeURIComponent(environment)}`);
    source.onopen = () => setLink("live");
    source.onerror = () => {
      setLink("lost");
      // The browser gives up when the answer is no stream: then the session tells why.
      if (source.readyState === EventSource.CLOSED) void queries.invalidateQueries({ queryKey: ["get", SESSION] });
    };
    source.addEventListener("health", (event: MessageEvent<string>) => {
      keepHealth(queries, JSON.parse(event.data) as Schemas["SystemHealth"]);
      again.call();
    });
    source.addEventListener("alerts", () => {
      void queries.invalidateQueries({ predicate: (query) => asksAgain(query, "alerts") });
      again.call();
    });
    return () => {
      again.end();
      source.close();
    };
  }, [enabled, environment, queries]);
  return link;
}

function asksAgain(query: Query, kind: true | "alerts"): boolean {
  return query.meta?.live === kind && query.queryKey[1] !== HEALTH;
}

/** The stream tells the whole state of health: nobody has to ask for it. */
export function keepHealth(queries: QueryClient, told: Schemas["SystemHealth"]): void {
  queries.setQueriesData<Schemas["SystemHealth"]>(
    { predicate: ({ queryKey }) => queryKey[1] === HEALTH && asksFor(queryKey[2], told.environment) },
    told,
  );
}

type Asked = { params?: { query?: { environment?: string; as_of?: string | null } } };

function asksFor(init: unknown, environment: string): boolean {
  const query = (init as Asked | undefined)?.params?.query;
  return !query?.as_of && (query?.environment ?? "production") === environment;
}

/** Calls at once, and then at most once in each pause. */
export function paced(work: () => void, pauseMs = PAUSE_MS): { call(): void; end(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wanted = false;
  const rest = () => {
    timer = setTimeout(() => {
      timer = undefined;
      if (wanted) run();
    }, pauseMs);
  };
  const run = () => {
    wanted = false;
    work();
    rest();
  };
  return {
    call: () => {
      if (timer === undefined) run();
      else wanted = true;
    },
    end: () => clearTimeout(timer),
  };
}
