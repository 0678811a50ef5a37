import { expect, it } from "vitest";
import { AREAS, areaName, areasOf } from "@/areas/names";

it("shows an area that has no page of its own after the others, with its panels", () => {
  const found = areasOf([...AREAS.map((area) => area.id), "referral_rewards"]);
  expect(found).toHaveLength(AREAS.length + 1);
  expect(found.at(-1)).toEqual({
    id: "referral_rewards",
    title: "Referral rewards",
    to: "/panels",
    search: { area: "referral_rewards" },
    figures: [],
  });
});

it("shows the known areas before the server has judged any", () => {
  expect(areasOf([])).toEqual(AREAS);
  expect(areaName("costs")?.to).toBe("/costs");
});
