import { Card, Group, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { useRange } from "@/app/range";
import { holdsTime, labelOf, titled, unitOf, formatDuration, formatNumber } from "@/format";
import { Figure, Figures } from "@/measure/Measured";
import { provenanceOf, type Provenance } from "@/measure/provenance";
import { Rows } from "@/measure/Rows";
import { HIDDEN, isNested, textOf, type Row } from "@/measure/values";

type Listed = { items: Row[]; next?: string | null; provenance?: Provenance };

type Props = {
  /** The answer of a deep dive. */
  data: object;
  /** Only these sections, in this order. */
  only?: readonly string[];
  omit?: readonly string[];
  titles?: Partial<Record<string, string>>;
};

/** A whole deep dive, section by section. What it has no form for is left to the page. */
export function Sections({ data, only, omit = [], titles = {} }: Props) {
  const found = (Object.entries(data) as [string, unknown][]).filter(
    ([, section]) => typeof section === "object" && section !== null && !Array.isArray(section),
  );
  const wanted =
    only === undefined
      ? found.filter(([id]) => !omit.includes(id))
      : only.flatMap((id) => found.filter(([each]) => each === id));
  return (
    <Stack gap="md">
      {wanted.map(([id, section]) => (
        <SectionPart key={id} id={id} section={section} title={titles[id]} />
      ))}
    </Stack>
  );
}

/** One section under its heading: figures, or rows. */
export function SectionPart({ id, section, title }: { id: string; section: unknown; title?: string | undefined }) {
  if (typeof section !== "object" || section === null) return null;
  return (
    <Part title={title ?? titled(id)} note={<Basis section={section} />}>
      {isListed(section) ? (
        <>
          <Rows rows={section.items} label={title ?? titled(id)} section={section} />
          {typeof section.next === "string" && (
            <Text size="xs" c="dimmed">
              The first {section.items.length}; there are more.
            </Text>
          )}
        </>
      ) : (
        <Fields section={section} />
      )}
    </Part>
  );
}

/** A card with a heading. */
export function Part({
  title,
  note,
  children,
  aside,
}: {
  title: string;
  note?: ReactNode;
  aside?: ReactNode;
  children: ReactNode;
}) {
  return (
    <Card withBorder padding="sm" className="part">
      <Group justify="space-between" gap="xs" mb={6}>
        <Group gap="xs" align="baseline">
          <Title order={2} size="h5">
            {title}
          </Title>
          {note}
        </Group>
        {aside}
      </Group>
      {children}
    </Card>
  );
}

/** What the rows of a section rest on, in one line. */
export function Basis({ section }: { section: unknown }) {
  const provenance =
    typeof section === "object" && section !== null && "provenance" in section
      ? (section.provenance as Provenance | null)
      : null;
  if (provenance === null || typeof provenance.source !== "string") return null;
  const { samples, window_s, source } = provenance;
  const window = typeof window_s === "number" ? ` in ${formatDuration(window_s)}` : "";
  return (
    <Text span size="xs" c="dimmed">
      {typeof samples === "number" ? `${formatNumber(samples)} rows` : ""}
      {window}, {source}
    </Text>
  );
}

function isListed(section: object): section is Listed {
  return "items" in section && Array.isArray(section.items);
}

/** The numbers of a section as figures; what is text stands under them. */
export function Fields({
  section,
  only,
  titles = {},
}: {
  section: object;
  only?: readonly string[];
  titles?: Partial<Record<string, string>>;
}) {
  const entries = (Object.entries(section) as [string, unknown][]).filter(
    ([field]) => !HIDDEN.has(field) && (only === undefined || only.includes(field)),
  );
  const { zone } = useRange();
  const isText = ([field, value]: [string, unknown]) => !isNumber(field, value) && !isNested(value);
  const numbers = entries.filter(([field, value]) => isNumber(field, value));
  const nested = entries.filter(([, value]) => isNested(value));
  return (
    <Stack gap="xs">
      <Figures>
        {numbers.map(([field, value]) => {
          const provenance = provenanceOf(section, field);
          return (
            <Figure
              key={field}
              label={titles[field] ?? labelOf(field)}
              value={value as number | null}
              unit={provenance?.unit ?? unitOf(field)}
              provenance={provenance}
            />
          );
        })}
      </Figures>
      {entries.filter(isText).map(([field, value]) => (
        <Text key={field} size="xs">
          {titles[field] ?? labelOf(field)}: {textOf(field, value, zone)}
        </Text>
      ))}
      {nested.map(([field, value]) => (
        <Within key={field} title={titles[field] ?? labelOf(field)} value={value as object} />
      ))}
    </Stack>
  );
}

/** What a section holds of its own kind: rows, or figures again. */
function Within({ title, value }: { title: string; value: object }) {
  return (
    <Stack gap={4}>
      <Title order={3} size="h6">
        {title}
      </Title>
      {Array.isArray(value) ? <Rows rows={value as object[]} label={title} /> : <Fields section={value} />}
    </Stack>
  );
}

/** A number, or one that is missing: times and texts are not measured. */
function isNumber(field: string, value: unknown): boolean {
  return typeof value === "number" || (value === null && !holdsTime(field));
}
