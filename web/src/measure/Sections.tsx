import { Card, Group, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import type { Zone } from "@/app/address";
import { labelOf, titled, unitOf, formatDuration, formatNumber } from "@/format";
import { Figure, Figures } from "@/measure/Measured";
import { provenanceOf, type Provenance } from "@/measure/provenance";
import { Rows } from "@/measure/Rows";
import type { Row } from "@/measure/values";

type Listed = { items: Row[]; next?: string | null; provenance?: Provenance };

type Props = {
  /** The answer of a deep dive. */
  data: object;
  /** Only these sections, in this order. */
  only?: readonly string[];
  omit?: readonly string[];
  titles?: Partial<Record<string, string>>;
  /** Of the times in it; the address's without it. */
  zone?: Zone;
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
    ([field]) => field !== "provenance" && (only === undefined || only.includes(field)),
  );
  const numbers = entries.filter(([, value]) => typeof value === "number" || value === null);
  const rest = entries.filter(([, value]) => typeof value === "string" || typeof value === "boolean");
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
      {rest.map(([field, value]) => (
        <Text key={field} size="xs">
          {labelOf(field)}: {String(value)}
        </Text>
      ))}
    </Stack>
  );
}
