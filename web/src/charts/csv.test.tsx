import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { csvText, rowsCsv, seriesCsv } from "@/charts/csv";
import { withMarks } from "@/charts/markup";
import { marksOf } from "@/charts/marks";
import { seriesOption } from "@/charts/series";
import { Spark } from "@/charts/Spark";

test("lines share a row for each time; a gap is an empty cell", () => {
  const lines = [
    {
      name: "a",
      points: [
        { at: "2", value: 5 },
        { at: "1", value: null },
      ],
    },
    { name: "b", points: [{ at: "1", value: 0 }] },
  ];
  expect(seriesCsv(lines)).toEqual([
    ["at", "a", "b"],
    ["1", "", "0"],
    ["2", "5", ""],
  ]);
  expect(seriesCsv([])).toEqual([["at"]]);
});

test("rows of unlike fields get all columns that hold plain values", () => {
  expect(
    rowsCsv([
      { id: "x", provenance: {} },
      { id: "y", cost: 2 },
    ]),
  ).toEqual([
    ["id", "cost"],
    ["x", ""],
    ["y", "2"],
  ]);
});

test("a file quotes what it must, and lets no text be a formula", () => {
  expect(csvText([["a,b", 'say "x"', "two\nlines", "=1+1", "@sum", "-4.5"]])).toBe(
    '"a,b","say ""x""","two\nlines",\'=1+1,\'@sum,-4.5\r\n',
  );
});

const item = {
  kind: "incident" as const,
  at: "2026-01-02T03:04:00Z",
  until: "2026-01-02T03:05:00Z",
  subject: "7",
  text: "slow",
  severity: null,
};

test("marks are drawn over time, inside of the range, and lead to their incident", () => {
  const option = seriesOption({
    lines: [{ name: "a", points: [] }],
    unit: "1",
    zone: "utc",
    from: "2026-01-02T03:00:00Z",
    to: "2026-01-02T04:00:00Z",
  });
  const over = { ...item, at: "2026-01-01T00:00:00Z", until: "2026-01-01T01:00:00Z" };
  const marks = marksOf([item, over, { ...item, kind: "flag", until: null }]);
  const [line] = withMarks(option, marks).series as {
    markLine: { data: { href?: string; name: string }[] };
    markArea: { data: unknown[] };
  }[];
  expect(line?.markLine.data.map(({ name, href }) => [name, href])).toEqual([
    ["slow", "/incidents/7"],
    ["slow", undefined],
  ]);
  expect(line?.markArea.data).toEqual([[{ xAxis: Date.parse(item.at) }, { xAxis: Date.parse(item.until) }]]);
  expect(withMarks(option, [])).toBe(option);
});

test("an incident that began before the range and lasts is marked up to its end", () => {
  const [from, to] = ["2026-01-02T03:00:00Z", "2026-01-02T04:00:00Z"];
  const option = seriesOption({ lines: [{ name: "a", points: [] }], unit: "1", zone: "utc", from, to });
  const open = { ...item, at: "2026-01-01T00:00:00Z", until: null };
  const [line] = withMarks(option, marksOf([open])).series as { markArea: { data: unknown[] } }[];
  expect(line?.markArea.data).toEqual([[{ xAxis: Date.parse(open.at) }, { xAxis: Date.parse(to) }]]);
});

test("a small line starts anew after a gap, and says unknown without a value", () => {
  const points = [1, null, 3, 2].map((value, place) => ({ at: String(place), value }));
  const { unmount } = render(<Spark points={points} label="cost" />);
  expect(screen.getByRole("img", { name: "cost" }).querySelector("path")?.getAttribute("d")).toMatch(
    /^M[^ML]+M[^ML]+L[^ML]+$/,
  );
  unmount();
  render(<Spark points={[{ at: "0", value: null }]} label="cost" />);
  expect(screen.getByText("unknown")).toBeTruthy();
});

test("incidents that overlap are shaded once", () => {
  const [from, to] = ["2026-01-02T03:00:00Z", "2026-01-02T04:00:00Z"];
  const option = seriesOption({ lines: [{ name: "a", points: [] }], unit: "1", zone: "utc", from, to });
  const later = { ...item, at: "2026-01-02T03:04:30Z", until: "2026-01-02T03:10:00Z" };
  const [line] = withMarks(option, marksOf([later, item])).series as { markArea: { data: unknown[] } }[];
  expect(line?.markArea.data).toEqual([[{ xAxis: Date.parse(item.at) }, { xAxis: Date.parse(later.until) }]]);
});
