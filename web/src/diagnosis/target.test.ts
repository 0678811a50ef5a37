import { expect, test } from "vitest";
import { askedTarget, chosenTarget, pageOf, targetOf } from "@/diagnosis/target";

const SERVICES = ["trade_execution_service", "trade_execution", "credit_ledger"];

test("a question names what it is about", () => {
  const search = (question: string) => targetOf(question, SERVICES)?.search;
  expect(search("why is trade_execution_service slow?")).toMatchObject({ service: "trade_execution_service" });
  expect(search("What is wrong with the credit ledger")).toMatchObject({ service: "credit_ledger" });
  expect(search("incident 20261123t180554-7e4a788f")).toMatchObject({ incident: "20261123t180554-7e4a788f" });
  expect(search("alert 8fc193836cb7ec47")).toMatchObject({ alert: "8fc193836cb7ec47" });
  expect(search("feature chat fails")).toMatchObject({ feature: "chat" });
  expect(targetOf("what happened to order o-17?", SERVICES)).toEqual({ path: "/traces", search: { order: "o-17" } });
  expect(targetOf("user u-0020", SERVICES)?.path).toBe("/user/u-0020");
  expect(targetOf(`look at ${"A1".repeat(16)}`, SERVICES)?.path).toBe(`/traces/${"a1".repeat(16)}`);
  expect(targetOf("why are signals late", SERVICES)?.path).toBe("/signals");
  expect(targetOf("why?", SERVICES)).toBeUndefined();
});

test("one target is asked for at a time", () => {
  expect(askedTarget({ service: " a ", range: "1h" })).toEqual({ service: "a" });
  expect(askedTarget({ range: "1h" })).toBeUndefined();
  expect(chosenTarget("incident", "x")?.search).toMatchObject({ incident: "x", service: undefined });
});

test("evidence leads to the page that shows it", () => {
  const link = "/api/v1/monitoring/services/a?environment=staging";
  expect(pageOf(link)).toEqual({ path: "/services/a", search: { environment: "staging" } });
  expect(pageOf("/api/v1/monitoring/incidents/7/impact")?.path).toBe("/incidents/7");
  expect(pageOf("/api/v1/monitoring/series?indicator=a.b&window=1h")).toEqual({
    path: "/panels",
    search: { indicator: "a.b", range: "1h" },
  });
  expect(pageOf("abc:1")).toBeUndefined();
});
