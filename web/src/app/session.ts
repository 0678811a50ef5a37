import { api, type Schemas } from "@/api/client";

export type Session = Schemas["SessionItem"];

/** Who is logged in, and what they may do; undefined until it is known. */
export function useSession(): Session | undefined {
  return api.useQuery("get", "/api/v1/monitoring/session", {}, { staleTime: 60_000 }).data;
}

/** Whether the session may do `scope`. */
export function may(session: Session | undefined, scope: "read" | "operate" | "admin"): boolean {
  const held = session?.scopes ?? [];
  if (held.includes("admin") || held.includes(scope)) return true;
  return scope === "read" && held.includes("operate");
}
