import { Box, Group, Text } from "@mantine/core";
import type { Schemas } from "@/api/client";
import type { Address } from "@/app/address";
import { Go } from "@/app/link";
import { useRange } from "@/app/range";
import { formatClock } from "@/format";
import { Measured } from "@/measure";
import { pageOf } from "@/diagnosis/target";
import { Cells } from "@/measure/Cells";

type Evidence = Schemas["EvidenceItem"];
const HEADS = ["What", "Now", "Usual", "Since", "Look"];

export function EvidenceList({ evidence }: { evidence: readonly Evidence[] }) {
  const { zone } = useRange();
  const rows = evidence.map((each) => {
    const provenance = { samples: each.samples, source: each.source };
    return {
      key: each.id,
      cells: [
        each.sentence,
        each.value === null ? "" : <Measured value={each.value} unit={each.unit} provenance={provenance} />,
        each.usual === null ? "" : <Measured value={each.usual} unit={each.unit} provenance={provenance} />,
        each.since === null ? "" : formatClock(each.since, zone),
        <Looks key="look" evidence={each} />,
      ],
    };
  });
  return (
    <Box id="evidence">
      <Cells label="Evidence" heads={HEADS} rows={rows} minWidth={820} />
    </Box>
  );
}

/** Where a piece of evidence can be seen: the page of its number, and the traces and logs of its time. */
export function Looks({ evidence }: { evidence: Evidence }) {
  const page = pageOf(evidence.link);
  const service = page === undefined ? undefined : /^\/services\/(.+)$/.exec(page.path)?.[1];
  const when = timeOf(evidence);
  return (
    <Group gap={8} wrap="nowrap">
      {page !== undefined && (
        <Go size="sm" to={page.path} search={page.search}>
          {service === undefined ? "page" : "series"}
        </Go>
      )}
      {service !== undefined && (
        <>
          <Go size="sm" to="/traces" search={{ ...when, service, sort: "slowest" }}>
            traces
          </Go>
          <Go size="sm" to="/logs" search={{ ...when, service }}>
            logs
          </Go>
        </>
      )}
    </Group>
  );
}

/** The time of a piece of evidence as a range; without one the address keeps its own. */
export function timeOf({ since, until }: Pick<Evidence, "since" | "until">): Address {
  return since !== null && until !== null && since < until ? { from: since, to: until, range: undefined } : {};
}

/** The pieces behind a sentence. */
export function References({ ids, evidence }: { ids: readonly string[]; evidence: readonly Evidence[] }) {
  const held = ids.flatMap((id) => evidence.filter((each) => each.id === id).slice(0, 1));
  if (held.length === 0) return null;
  return (
    <Box pl="md">
      {held.map((each) => (
        <Group key={each.id} gap="xs" wrap="wrap">
          <Text size="xs">{each.sentence}</Text>
          <Looks evidence={each} />
        </Group>
      ))}
    </Box>
  );
}
