import { Button, Group, Table, Text, VisuallyHidden } from "@mantine/core";
import { memo, useMemo, useState, type ReactNode } from "react";
import type { Zone } from "@/app/address";
import { Go } from "@/app/link";
import { useRange } from "@/app/range";
import { csvText, rowsCsv } from "@/charts/csv";
import { download, fileName } from "@/charts/download";
import { formatValue, labelOf, unitOf } from "@/format";
import { Measured } from "@/measure/Measured";
import { provenanceOf } from "@/measure/provenance";
import { StatusBadge } from "@/measure/Status";
import { columnsOf, leadsTo, sorted, textOf, type Row } from "@/measure/values";

type Props<T extends object> = {
  rows: readonly T[];
  /** Which fields, in which order; without it all that are plain values. */
  columns?: readonly (keyof T & string)[];
  /** What the table shows, in a few words. */
  label: string;
  /** Another look for a field; undefined leaves it as it is. */
  cell?: (field: string, row: T) => ReactNode | undefined;
  /** Of the times in it; the address's without it. */
  zone?: Zone;
  /** How many are shown at first. */
  limit?: number;
  /** What the numbers rest on where the rows do not say it themselves. */
  section?: unknown;
  titles?: Partial<Record<string, string>>;
  empty?: ReactNode;
};

const FIRST = 12;
const STATUSES = new Set(["status", "state", "severity", "phase", "verdict"]);

/** A table of an answer's rows: sorted by a click, units by the columns' names, ids as links. It scrolls within itself. */
export function Rows<T extends object>(props: Props<T>) {
  const { rows, columns, label, cell, limit = FIRST, section, titles = {}, empty } = props;
  const [sort, setSort] = useState<{ field: string; descending: boolean } | null>(null);
  const [all, showAll] = useState(false);
  const fields = useMemo<readonly string[]>(() => columns ?? columnsOf(rows as readonly Row[]), [columns, rows]);
  const ordered = useMemo(() => sorted(rows, sort?.field ?? null, sort?.descending ?? true), [rows, sort]);
  if (rows.length === 0)
    return (
      <Text size="sm" c="dimmed">
        {empty ?? "None in this range."}
      </Text>
    );
  const shown = all ? ordered : ordered.slice(0, limit);
  const order = (field: string) =>
    setSort((now) => ({ field, descending: now?.field === field ? !now.descending : true }));
  return (
    <div>
      <Table.ScrollContainer
        minWidth={0}
        maxHeight={all ? 640 : undefined}
        scrollAreaProps={{ viewportProps: { tabIndex: 0, "aria-label": label, role: "region" } }}
      >
        <Table
          stickyHeader={all}
          highlightOnHover
          fz="xs"
          verticalSpacing={3}
          horizontalSpacing={8}
          aria-label={label}
          className="rows"
        >
          <Headings fields={fields} titles={titles} rows={rows} sort={sort} onSort={order} />
          <Table.Tbody>
            {shown.map((row, place) => (
              <Table.Tr key={place}>
                {fields.map((field) => {
                  const numeric = isNumeric(rows, field);
                  return (
                    <Table.Td key={field} ta={numeric ? "right" : "left"}>
                      {cell?.(field, row) ?? <Value field={field} row={row} section={section} numeric={numeric} />}
                    </Table.Td>
                  );
                })}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <Under label={label} rows={rows} more={rows.length > limit} all={all} onAll={showAll} />
    </div>
  );
}

type UnderProps = {
  label: string;
  rows: readonly object[];
  more: boolean;
  all: boolean;
  onAll: (all: boolean) => void;
};

function Under({ label, rows, more, all, onAll }: UnderProps) {
  return (
    <Group gap="xs" justify="flex-end">
      {more && (
        <Button variant="subtle" size="compact-xs" onClick={() => onAll(!all)}>
          {all ? "Show fewer" : `Show all ${rows.length}`}
        </Button>
      )}
      <Button variant="subtle" size="compact-xs" aria-label={`${label}: CSV`} onClick={() => save(label, rows)}>
        CSV
      </Button>
    </Group>
  );
}

function save(label: string, rows: readonly object[]): void {
  download(URL.createObjectURL(new Blob([csvText(rowsCsv(rows))], { type: "text/csv" })), fileName(label, "csv"));
}

function isNumeric(rows: readonly object[], field: string): boolean {
  return rows.some((row) => typeof (row as Row)[field] === "number");
}

type HeadingProps = {
  field: string;
  title: string | undefined;
  number: boolean;
  sort: { field: string; descending: boolean } | null;
  onSort: (field: string) => void;
};

type HeadingsProps = Pick<HeadingProps, "sort" | "onSort"> & {
  fields: readonly string[];
  titles: Partial<Record<string, string>>;
  rows: readonly object[];
};

function Headings({ fields, titles, rows, sort, onSort }: HeadingsProps) {
  return (
    <Table.Thead>
      <Table.Tr>
        {fields.map((field) => (
          <Heading
            key={field}
            field={field}
            title={titles[field]}
            number={isNumeric(rows, field)}
            sort={sort}
            onSort={onSort}
          />
        ))}
      </Table.Tr>
    </Table.Thead>
  );
}

function Heading({ field, title, number, sort, onSort }: HeadingProps) {
  const here = sort?.field === field;
  if (title === "") {
    return (
      <Table.Th scope="col">
        <VisuallyHidden>Action</VisuallyHidden>
      </Table.Th>
    );
  }
  const sorting = here ? (sort.descending ? "descending" : "ascending") : "none";
  return (
    <Table.Th aria-sort={sorting} ta={number ? "right" : "left"} scope="col">
      <button type="button" className="sorter" onClick={() => onSort(field)}>
        {title ?? labelOf(field)}
        {here && <span aria-hidden="true">{sort.descending ? " ▾" : " ▴"}</span>}
      </button>
    </Table.Th>
  );
}

type ValueProps = { field: string; row: object; section: unknown; numeric: boolean };

/** One value of a row. */
const Value = memo(function Value({ field, row, section, numeric }: ValueProps) {
  const { zone } = useRange();
  const value = (row as Row)[field];
  const missing = value === null || value === undefined;
  if (typeof value === "number" || (missing && (numeric || unitOf(field) !== "")))
    return <NumberOf field={field} row={row} section={section} />;
  if (missing) return <span className="unknown">unknown</span>;
  if (STATUSES.has(field) && typeof value === "string") return <StatusBadge status={value} />;
  const leads = leadsTo(field, value);
  const text = textOf(field, value, zone);
  if (leads !== null)
    return (
      <Go to={leads.to} {...(leads.search ? { search: leads.search } : {})} fz="xs">
        {text}
      </Go>
    );
  return (
    <span className="cell" title={text.length > 60 ? text : undefined}>
      {text}
    </span>
  );
});

/** A number of a row with its interval where it has one; of one that is missing the card tells why. */
function NumberOf({ field, row, section }: Omit<ValueProps, "numeric">) {
  const values = row as Row;
  const value = values[field];
  const provenance = provenanceOf(row, field) ?? provenanceOf(section, field);
  const [low, high] = [values[`${field}_low`], values[`${field}_high`]];
  const ends = typeof low === "number" && typeof high === "number" ? ([low, high] as const) : null;
  const unit = provenance?.unit ?? unitOf(field);
  return (
    <>
      <Measured
        value={typeof value === "number" ? value : null}
        unit={unit}
        label={labelOf(field)}
        provenance={ends === null ? provenance : { ...provenance, interval: ends }}
      />
      {ends !== null && (
        <span className="interval">
          {" "}
          {formatValue(ends[0], unit)}–{formatValue(ends[1], unit)}
        </span>
      )}
    </>
  );
}
