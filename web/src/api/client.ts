import createFetchClient, { type Middleware } from "openapi-fetch";
import createQueryClient from "openapi-react-query";
import type { Readable } from "openapi-typescript-helpers";
import type { components, paths } from "@/api/schema";

/** As the client gives them: what is read, in the same form as in an answer. */
export type Schemas = { [Name in keyof components["schemas"]]: Readable<components["schemas"][Name]> };
/** What every refused request is answered with. */
export type Problem = { title: string; status: number; detail: string; retry_after_s?: number | null };

/** Whose session has ended is led to the login, and from there back to where they were. */
const loginWhenNeeded: Middleware = {
  onResponse({ response }) {
    if (response.status === 401) window.location.assign(loginAddress(window.location));
  },
};

export function loginAddress(here: { pathname: string; search: string }): string {
  return `/login?next=${encodeURIComponent(here.pathname + here.search)}`;
}

export const client = createFetchClient<paths>({ baseUrl: window.location.origin });
client.use(loginWhenNeeded);

/** `api.useQuery("get", path, {params}, {meta: {live: true}})`: typed by the server's own description. */
export const api = createQueryClient(client);

/** What went wrong, in words: the server's own where it gave some. */
export function sentenceOf(error: unknown): string {
  if (typeof error === "object" && error !== null) {
    if ("detail" in error && typeof error.detail === "string") return error.detail;
    if ("message" in error && typeof error.message === "string") return error.message;
  }
  return "the server does not answer";
}
