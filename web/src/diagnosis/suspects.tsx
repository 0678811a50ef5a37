import { Badge, Group, List, Progress, Stack, Text } from "@mantine/core";
import type { Schemas } from "@/api/client";
import { Go } from "@/app/link";
import { useRange } from "@/app/range";
import { formatTime, titled } from "@/format";
import { Empty, Measured } from "@/measure";
import { References } from "@/diagnosis/evidence";
import { Panel } from "@/areas/parts";

type Answered = Schemas["DiagnosisAnswer"];
const SHOWN = 8;

/** What may be the cause, the likeliest first, each with what speaks for it. */
export function Suspects({ data }: { data: Answered }) {
  return (
    <Panel title="Suspects" hint="The likeliest first.">
      {data.suspects.length === 0 ? (
        <Empty title="No suspect">Nothing was found that explains it.</Empty>
      ) : (
        <List type="ordered" spacing="sm" styles={{ itemWrapper: { display: "block" } }}>
          {data.suspects.slice(0, SHOWN).map((suspect) => (
            <List.Item key={`${suspect.cause} ${suspect.kind} ${suspect.subject}`}>
              <Suspect suspect={suspect} data={data} />
            </List.Item>
          ))}
        </List>
      )}
    </Panel>
  );
}

function Suspect({ suspect, data }: { suspect: Answered["suspects"][number]; data: Answered }) {
  const { zone } = useRange();
  return (
    <Stack gap={2}>
      <Group gap="xs">
        <Text size="sm" fw={600}>
          {`${titled(suspect.cause)}: ${suspect.subject}`}
        </Text>
        <Badge size="sm" variant="outline" c="inherit">
          {suspect.role}
        </Badge>
        <Measured size="sm" label="Score" value={suspect.score} unit="1" provenance={{ source: "diagnosis" }} />
        <Progress w={60} value={suspect.score * 100} aria-label={`Score of ${suspect.subject}`} />
        {suspect.service !== "" && (
          <Go size="sm" to="/diagnose" search={{ service: suspect.service }} aria-label={`Diagnose ${suspect.service}`}>
            diagnose
          </Go>
        )}
      </Group>
      <Text size="sm">
        {suspect.sentence}
        {suspect.onset === null ? "" : `, since ${formatTime(suspect.onset, zone)}`}
      </Text>
      <References ids={suspect.evidence} evidence={data.evidence} />
    </Stack>
  );
}
