import { MantineProvider } from "@mantine/core";
import { createMemoryHistory, createRootRoute, createRouter, RouterProvider } from "@tanstack/react-router";
import { act, cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Fields, Measured, ProvenanceCard, Rows } from "@/measure";
import { leadsTo, PAGES, sorted } from "@/measure/values";
import { FILTERS } from "@/pages/traces/query";

const NOW = Date.parse("2026-01-02T03:05:00Z");
const provenance = {
  samples: 1_234,
  window_s: 300,
  as_of: "2026-01-02T03:04:30Z",
  source: "fact_orders",
  interval: [0.9, 0.95],
};

async function show(children: ReactNode): Promise<void> {
  const page = () => (
    <MantineProvider>
      {children}
      <ProvenanceCard />
    </MantineProvider>
  );
  const history = createMemoryHistory({ initialEntries: ["/?zone=utc"] });
  const router = createRouter({ routeTree: createRootRoute({ component: page }), history });
  await act(async () => {
    await router.load();
    render(<RouterProvider router={router} />);
  });
}

beforeEach(() => {
  vi.useFakeTimers({ now: NOW, toFake: ["Date", "setTimeout", "clearTimeout"] });
});
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

test("what is unknown is said so, and is neither zero nor coloured", async () => {
  await show(<Measured value={null} unit="ratio" provenance={{ ...provenance, samples: 0, reason: "no orders" }} />);
  const found = screen.getByText("unknown");
  expect(found.className).toContain("unknown");
  fireEvent.pointerOver(found);
  expect(screen.getByRole("tooltip").textContent).toContain("no orders");
});

test("a card tells samples, window, age, source and interval, by the pointer and by the focus", async () => {
  await show(<Measured value={0.93} unit="ratio" label="Success" provenance={provenance} focus />);
  const number = screen.getByText("93 %");
  for (const open of [fireEvent.pointerOver, fireEvent.focusIn]) {
    open(number);
    const card = screen.getByRole("tooltip");
    for (const text of ["Success: 93 %", "1,234", "5 min", "30 s", "fact_orders", "90 % to 95 %"])
      expect(card.textContent).toContain(text);
    expect(number.getAttribute("aria-describedby")).toBe(card.id);
    fireEvent.keyDown(document, { key: "Escape" });
    expect(screen.queryByRole("tooltip")).toBeNull();
    expect(number.hasAttribute("aria-describedby")).toBe(false);
  }
});

test("a card stays while the pointer is on it, ages, and goes when the pointer leaves", async () => {
  await show(<Measured value={1} unit="1" provenance={provenance} />);
  fireEvent.pointerOver(screen.getByText("1"));
  fireEvent.pointerOver(document.body);
  fireEvent.pointerOver(screen.getByText("fact_orders"));
  await act(() => vi.advanceTimersByTimeAsync(3_000));
  expect(screen.getByRole("tooltip").textContent).toContain("33 s");
  fireEvent.pointerOver(document.body);
  await act(() => vi.advanceTimersByTimeAsync(300));
  expect(screen.queryByRole("tooltip")).toBeNull();
});

test("an interval with an end that nobody knows is not told", async () => {
  await show(<Measured value={1} unit="1" provenance={{ ...provenance, interval: [null, null] }} />);
  fireEvent.pointerOver(screen.getByText("1"));
  expect(screen.getByRole("tooltip").textContent).not.toContain("95 %");
});

test("rows sort by a click, with what is unknown last both ways", async () => {
  const rows = [
    { exchange: "a", error_rate: 0.1 },
    { exchange: "b", error_rate: null },
    { exchange: "c", error_rate: 0.3 },
  ];
  await show(<Rows rows={rows} label="Venues" section={{ provenance }} />);
  const table = screen.getByRole("table", { name: "Venues" });
  const order = () =>
    within(table)
      .getAllByRole("link")
      .map((link) => link.textContent);
  const heading = within(table).getByRole("button", { name: /Error rate/ });
  fireEvent.click(heading);
  expect(order()).toEqual(["c", "a", "b"]);
  fireEvent.click(heading);
  expect(order()).toEqual(["a", "c", "b"]);
  fireEvent.pointerOver(within(table).getByText("unknown"));
  expect(screen.getByRole("tooltip").textContent).toContain("fact_orders");
  expect(sorted(rows, null, true)).toEqual(rows);
});

test("a section shows its numbers, its times as times, its texts, and what is within it", async () => {
  const section = {
    provenance,
    balance_usd: 12.5,
    drift_usd: null,
    ends_at: "2026-01-31T00:00:00Z",
    began_at: null,
    method: "median",
    by_reason: [{ reason: "late", count: 3 }],
    spread: { p50_ms: 4 },
  };
  await show(<Fields section={section} />);
  const text = document.body.textContent ?? "";
  for (const each of [
    "$12.50",
    "Ends at: 2026-01-31 00:00:00 UTC",
    "Began at: unknown",
    "Method: median",
    "late",
    "4 ms",
  ])
    expect(text).toContain(each);
  expect(screen.getByRole("table", { name: "By reason" })).toBeTruthy();
});

test("a link to traces names filters that the page of traces has", () => {
  const fields = Object.keys(PAGES).filter((field) => leadsTo(field, "x")?.to === "/traces");
  expect(fields).toContain("order_id");
  for (const field of fields)
    for (const name of Object.keys(leadsTo(field, "x")?.search ?? {})) expect(FILTERS).toContain(name);
});
