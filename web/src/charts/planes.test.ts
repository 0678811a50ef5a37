import { expect, test } from "vitest";
import { heatOption, reliabilityOption, serviceMapOption, treemapOption } from "@/charts/planes";

type Drawn = { type: string; data: unknown[]; connectNulls?: boolean };
const seriesOf = (option: object) => (option as { series: Drawn[] }).series;
const tells = (option: object, found: unknown) =>
  (option as { tooltip: { formatter(found: unknown): HTMLElement } }).tooltip.formatter(found).textContent;

test("areas are of what is above zero, with their share", () => {
  const option = treemapOption({
    nodes: [
      { name: "a", value: 3 },
      { name: "b", value: 0 },
      { name: "c", value: 1 },
    ],
    unit: "usd",
  });
  expect(seriesOf(option)[0]?.data).toMatchObject([{ name: "a" }, { name: "c" }]);
  expect(tells(option, { name: "a", value: 3 })).toBe("a$3.0075 %");
  expect(seriesOf(treemapOption({ nodes: [], unit: "usd" }))[0]?.data).toEqual([]);
});

test("a bin that nothing fell into is a gap of the curve", () => {
  const bins = [
    { said: 0.1, true_: null, samples: 0 },
    { said: 0.9, true_: 0.8, low: 0.6, high: 0.9, samples: 12 },
  ];
  const option = reliabilityOption({ curves: [{ name: "model", bins }] });
  const [diagonal, curve] = seriesOf(option);
  expect(diagonal?.data).toEqual([
    [0, 0],
    [1, 1],
  ]);
  expect(curve?.data).toEqual([
    [0.1, null, 0, null, null],
    [0.9, 0.8, 12, 0.6, 0.9],
  ]);
  expect(curve?.connectNulls).toBe(false);
  expect(tells(option, { seriesName: "model", color: "red", value: [0.9, 0.8, 12, 0.6, 0.9] })).toContain(
    "60 % to 90 %",
  );
});

test("a pair without a value stays unknown, and scales nothing", () => {
  const option = heatOption({
    columns: ["x", "y"],
    rows: ["r"],
    cells: [
      [0, 0, 4],
      [1, 0, null],
    ],
    unit: "s",
  });
  expect(option.visualMap).toMatchObject({ min: 0, max: 4 });
  expect(tells(option, { value: [1, 0, null] })).toBe("r, yunknown");
  expect(seriesOf(heatOption({ columns: [], rows: [], cells: [], unit: "s" }))[0]?.data).toEqual([]);
});

test("a service map takes no services, and services without connections", () => {
  const empty = seriesOf(serviceMapOption({ nodes: [], edges: [] }));
  expect(empty.every((each) => each.data.length === 0)).toBe(true);
  const one = seriesOf(serviceMapOption({ nodes: [{ id: "a", name: "A", status: "unknown", group: "g" }], edges: [] }));
  expect(one[0]?.data).toHaveLength(1);
});
