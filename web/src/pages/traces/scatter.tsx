import { useNavigate } from "@tanstack/react-router";
import type { Schemas } from "@/api/client";
import { useAlong } from "@/app/link";
import { useRange } from "@/app/range";
import { formatClock, formatMilliseconds } from "@/format";
import { placed } from "@/pages/traces/places";

const [WIDTH, HEIGHT] = [720, 196];

/** Traces by when they began and how long they took. The list below says the same to who cannot see it. */
export function Scatter({ items }: { items: readonly Schemas["TraceItem"][] }) {
  const { zone } = useRange();
  const navigate = useNavigate();
  const along = useAlong();
  const { points, ticks, from, to } = placed(items, WIDTH, HEIGHT);
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width="100%" role="img" aria-label="Durations of the listed traces by time">
      {ticks.map(({ y, value }) => (
        <g key={value}>
          <line x1={56} x2={WIDTH} y1={y} y2={y} stroke="currentColor" opacity={0.15} />
          <text x={50} y={y + 4} textAnchor="end" fontSize={11} fill="currentColor">
            {formatMilliseconds(value)}
          </text>
        </g>
      ))}
      <text x={56} y={HEIGHT - 2} fontSize={11} fill="currentColor">
        {formatClock(from, zone)}
      </text>
      <text x={WIDTH} y={HEIGHT - 2} fontSize={11} textAnchor="end" fill="currentColor">
        {formatClock(to, zone)}
      </text>
      {points.map(({ id, x, y, failed, text }) => (
        <circle
          key={id}
          cx={x}
          cy={y}
          r={4.5}
          fill={failed ? "var(--mantine-color-red-6)" : "var(--mantine-color-blue-5)"}
          stroke={failed ? "currentColor" : "none"}
          opacity={0.8}
          cursor="pointer"
          onClick={() => void navigate({ to: `/traces/${id}`, search: along })}
        >
          <title>{text}</title>
        </circle>
      ))}
    </svg>
  );
}
