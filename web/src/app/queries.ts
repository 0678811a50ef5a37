import { keepPreviousData, QueryClient } from "@tanstack/react-query";

declare module "@tanstack/react-query" {
  interface Register {
    queryMeta: {
      /** Asked for again when the stream tells something: after each round, or only when an alert changes. */
      live?: boolean | "alerts";
    };
  }
}

const RETRIES = 1;

/** No query polls: what is marked live is asked for again when the stream tells that something has changed. */
export function queryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 30_000,
        retry: (failures, error) => failures < RETRIES && !refused(error),
        refetchOnWindowFocus: false,
        // What is shown stays until its successor is there: nothing flickers.
        placeholderData: keepPreviousData,
      },
    },
  });
}

/** Asking again helps against a failure, not against a refusal. */
function refused(error: unknown): boolean {
  const status = typeof error === "object" && error !== null && "status" in error ? error.status : undefined;
  return typeof status === "number" && status >= 400 && status < 500;
}
