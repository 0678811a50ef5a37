import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Schemas } from "@/api/client";
import { keepHealth, paced } from "@/app/live";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test("work is done at once, and then at most once in each pause", () => {
  const work = vi.fn();
  const pace = paced(work, 1_000);
  pace.call();
  pace.call();
  pace.call();
  expect(work).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1_000);
  expect(work).toHaveBeenCalledTimes(2);
  vi.advanceTimersByTime(5_000);
  expect(work).toHaveBeenCalledTimes(2);
  pace.call();
  expect(work).toHaveBeenCalledTimes(3);
});

test("nothing is done after the end", () => {
  const work = vi.fn();
  const pace = paced(work, 1_000);
  pace.call();
  pace.call();
  pace.end();
  vi.advanceTimersByTime(5_000);
  expect(work).toHaveBeenCalledTimes(1);
});

test("told health takes the place of what was asked for, of its environment and of now alone", () => {
  const queries = new QueryClient();
  const key = (query: object) => ["get", "/api/v1/monitoring/system-health", { params: { query } }];
  const [now, other, then] = [
    key({ environment: "production" }),
    key({ environment: "staging" }),
    key({ environment: "production", as_of: "2026-01-02T03:04:05Z" }),
  ];
  for (const each of [now, other, then]) queries.setQueryData(each, { overall_status: "healthy" });
  keepHealth(queries, { environment: "production", overall_status: "critical" } as Schemas["SystemHealth"]);
  expect(queries.getQueryData(now)).toMatchObject({ overall_status: "critical" });
  expect(queries.getQueryData(other)).toEqual({ overall_status: "healthy" });
  expect(queries.getQueryData(then)).toEqual({ overall_status: "healthy" });
});
