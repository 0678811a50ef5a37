import { Anchor, Button, Grid, Group, List, Stack, Text } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { api, type Schemas } from "@/api/client";
import { asked, useRange } from "@/app/range";
import { formatRange, formatTime } from "@/format";
import { Answer, Empty } from "@/measure";
import { Changes, Contrasts, CriticalPath } from "@/diagnosis/findings";
import { EvidenceList, References } from "@/diagnosis/evidence";
import { Suspects } from "@/diagnosis/suspects";
import type { Kind } from "@/diagnosis/target";
import { Panel } from "@/areas/parts";

type Answered = Schemas["DiagnosisAnswer"];
const SHOWN_MISSING = 4;

/** What is wrong with the target, since when, and why, each with what shows it. */
export function Diagnosis({ target }: { target: Partial<Record<Kind, string>> }) {
  const range = useRange();
  const params = { query: { ...asked(range), ...target } };
  const found = api.useQuery("get", "/api/v1/monitoring/diagnose", { params });
  return (
    <Answer query={found} what="the diagnosis">
      {(data) => (
        <Findings
          data={data}
          again={() => void found.refetch()}
          busy={found.isFetching}
          summary={<Summary target={target} />}
        />
      )}
    </Answer>
  );
}

type FindingsProps = { data: Answered; again: () => void; busy: boolean; summary: ReactNode };

/** All of a diagnosis: the verdict, the suspects beside the words, and what both rest on. */
export function Findings({ data, again, busy, summary }: FindingsProps) {
  return (
    <Stack gap="md">
      <Verdict data={data} again={again} busy={busy} />
      <Grid>
        <Grid.Col span={{ base: 12, lg: 7 }}>
          <Suspects data={data} />
        </Grid.Col>
        <Grid.Col span={{ base: 12, lg: 5 }}>{summary}</Grid.Col>
      </Grid>
      <CriticalPath data={data} />
      <Contrasts data={data} />
      <Changes data={data} />
      <Panel title="All evidence">
        <EvidenceList evidence={data.evidence} />
      </Panel>
    </Stack>
  );
}

function Verdict({ data, again, busy }: { data: Answered; again: () => void; busy: boolean }) {
  const { zone } = useRange();
  const { window: now, baseline, onset } = data;
  return (
    <Stack gap={4}>
      <Text fw={600} size="lg">
        {data.verdict}
      </Text>
      <Text size="sm">
        {`Confidence: ${data.confidence}, ${data.confidence_means}.`}
        {data.enough ? "" : " Too little was told to judge."}
        {onset === null ? "" : ` It began ${formatTime(onset, zone)}.`}
      </Text>
      <Group gap="md">
        <Text size="sm" c="dimmed">
          {`${formatRange(now.from, now.to, zone)}, ${data.traces.now} traces`}
          {baseline === null
            ? ""
            : `; held against ${formatRange(baseline.from, baseline.to, zone)}, ${data.traces.usual} traces`}
        </Text>
        <Button size="compact-xs" variant="default" onClick={again} loading={busy}>
          Ask again
        </Button>
      </Group>
      <Missing missing={data.missing} />
    </Stack>
  );
}

/** What the answer was made without. */
function Missing({ missing }: { missing: readonly string[] }) {
  if (missing.length === 0) return null;
  return (
    <details>
      <summary>{`${missing.length} ${missing.length === 1 ? "thing was" : "things were"} not looked at`}</summary>
      <List size="sm">
        {missing.map((each, index) => (
          <List.Item key={`${each} ${index}`}>{each}</List.Item>
        ))}
      </List>
    </details>
  );
}

function Summary({ target }: { target: Partial<Record<Kind, string>> }) {
  const range = useRange();
  const params = { query: { ...asked(range), ...target } };
  const found = api.useQuery("get", "/api/v1/monitoring/diagnose/summary", { params });
  return <Words query={found} />;
}

/** A summary, each sentence with what it rests on. */
export function Words({ query }: { query: UseQueryResult<Schemas["SummaryAnswer"], unknown> }) {
  return (
    <Panel title="In words">
      <Answer query={query} what="the summary">
        {(data) =>
          data.sentences.length === 0 ? (
            <Empty title="No summary">{data.failure || "There is nothing to say."}</Empty>
          ) : (
            <Stack gap="xs">
              {data.sentences.map(({ text, evidence }, index) => (
                <div key={`${index} ${text}`}>
                  <Text size="sm">{text}</Text>
                  <References ids={evidence.slice(0, SHOWN_MISSING)} evidence={data.evidence} />
                </div>
              ))}
              <Text size="xs" c="dimmed">
                {`Written by ${data.by === "template" ? "rules, not by a model" : data.by}. `}
                <Anchor href="#evidence" size="xs">
                  All evidence
                </Anchor>
              </Text>
            </Stack>
          )
        }
      </Answer>
    </Panel>
  );
}
