import { Box, Stack, Text } from "@mantine/core";
import type { Schemas } from "@/api/client";
import { useAddress } from "@/app/range";
import { formatMilliseconds, formatNumber } from "@/format";
import { Empty, Measured } from "@/measure";
import { boxesOf, type Box as Frame } from "@/pages/traces/spans";
import { Cells } from "@/measure/Cells";

const ROW = 24;
const MOST_LISTED = 20;
const NARROWEST = 0.0015;

/** Same calls as one box, as wide as the time that they took together, upon what called them. */
export function Flame({ frames }: { frames: readonly Schemas["FlameFrame"][] }) {
  const [address, change] = useAddress();
  const boxes = boxesOf(frames);
  const chosen = boxes.find(({ index }) => String(index) === address.frame);
  if (boxes.length === 0) return <Empty title="No frames">The trace has no spans.</Empty>;
  const deepest = Math.max(...boxes.map(({ depth }) => depth));
  return (
    <Stack gap="sm">
      <Box
        role="group"
        aria-label="Frames, the outermost first"
        style={{ position: "relative", height: (deepest + 1) * ROW, overflow: "hidden" }}
      >
        {boxes
          .filter(({ width }) => width >= NARROWEST)
          .map((box) => (
            <Bar
              key={box.index}
              box={box}
              chosen={box === chosen}
              choose={() => change({ frame: String(box.index) })}
            />
          ))}
      </Box>
      <Text size="sm" role="status">
        {chosen === undefined ? "Choose a box to see its numbers." : sentenceOf(chosen.frame)}
      </Text>
      <Longest frames={frames} />
    </Stack>
  );
}

function sentenceOf(frame: Schemas["FlameFrame"]): string {
  const failed = frame.failed === 0 ? "" : `, of which ${formatNumber(frame.failed)} failed`;
  return `${frame.place.at(-1)}: ${formatNumber(frame.calls)} calls${failed}, ${formatMilliseconds(frame.total_ms)} together, ${formatMilliseconds(frame.self_ms)} of it their own.`;
}

function Bar({ box, chosen, choose }: { box: Frame; chosen: boolean; choose: () => void }) {
  const { frame, depth, left, width } = box;
  const text = sentenceOf(frame);
  return (
    <button
      type="button"
      aria-label={text}
      aria-pressed={chosen}
      title={text}
      onClick={choose}
      style={{
        position: "absolute",
        top: depth * ROW,
        left: `${left * 100}%`,
        width: `${width * 100}%`,
        height: ROW - 2,
        padding: "0 4px",
        border: chosen ? "2px solid var(--mantine-color-text)" : "1px solid var(--mantine-color-body)",
        background: frame.failed > 0 ? "var(--mantine-color-red-2)" : `var(--mantine-color-orange-${(depth % 3) + 1})`,
        color: "var(--mantine-color-black)",
        fontSize: 11,
        textAlign: "start",
        overflow: "hidden",
        whiteSpace: "nowrap",
        textOverflow: "ellipsis",
        cursor: "pointer",
      }}
    >
      {frame.place.at(-1)}
    </button>
  );
}

/** A number of a frame, which rests on so many calls of one trace. */
function numbersOf(frame: Schemas["FlameFrame"]) {
  return (label: string, value: number, unit: string) => (
    <Measured
      key={label}
      label={label}
      value={value}
      unit={unit}
      provenance={{ samples: frame.calls, source: "otel_traces" }}
    />
  );
}

function Longest({ frames }: { frames: readonly Schemas["FlameFrame"][] }) {
  const rows = [...frames]
    .sort((one, other) => other.self_ms - one.self_ms)
    .slice(0, MOST_LISTED)
    .map((frame) => ({ frame, number: numbersOf(frame) }))
    .map(({ frame, number }) => ({
      key: frame.place.join("\n"),
      cells: [
        <span key="place" title={frame.place.join(" › ")}>
          {frame.place.at(-1)}
        </span>,
        number("Calls", frame.calls, "1"),
        number("Own time", frame.self_ms, "ms"),
        number("Total", frame.total_ms, "ms"),
        number("Failed", frame.failed, "1"),
      ],
    }));
  return (
    <Cells
      label="Frames by own time"
      heads={["Frame", "Calls", "Own time", "Total", "Failed"]}
      rows={rows}
      minWidth={560}
    />
  );
}
