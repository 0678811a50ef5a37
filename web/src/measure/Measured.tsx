import { Box, Paper, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Go } from "@/app/link";
import { formatValue } from "@/format";
import { telling, type Provenance } from "@/measure/provenance";
import { StatusDot } from "@/measure/Status";

type Props = {
  value: number | null | undefined;
  unit: string;
  provenance?: Provenance | undefined;
  label?: string;
  hint?: string | undefined;
  size?: "sm" | "md" | "lg";
  /** Reached by the tab key too; in tables there would be too many of them. */
  focus?: boolean;
};

/** A number as people read it, with a card that tells where it comes from. What is unknown looks unknown. */
export function Measured({ value, unit, provenance, label = "", hint, size = "sm", focus = false }: Props) {
  const known = typeof value === "number" && Number.isFinite(value) ? value : null;
  return (
    <span
      ref={telling({ label, value: known, unit, provenance, hint })}
      data-measured=""
      data-size={size}
      className={known === null ? "measured unknown" : "measured"}
      tabIndex={focus ? 0 : undefined}
    >
      {formatValue(known, unit)}
      {provenance?.estimated === true && known !== null ? "≈" : ""}
    </span>
  );
}

type FigureProps = Omit<Props, "focus"> & {
  label: string;
  status?: string | null | undefined;
  /** Where the label leads. */
  to?: string | undefined;
  search?: Record<string, string>;
  under?: ReactNode;
};

/** A number under its label. */
export function Figure({ label, status, to, search = {}, under, ...number }: FigureProps) {
  return (
    <Paper withBorder px="xs" py={6} className="figure">
      <Text component="div" size="xs" c="dimmed" className="figure-label">
        {status !== undefined && status !== null && <StatusDot status={status} />}
        {to === undefined ? (
          label
        ) : (
          <Go to={to} search={search} c="inherit" underline="always">
            {label}
          </Go>
        )}
      </Text>
      <Measured {...number} label={label} size={number.size ?? "md"} focus />
      {under !== undefined && (
        <Text component="div" size="xs" c="dimmed">
          {under}
        </Text>
      )}
    </Paper>
  );
}

/** Figures beside each other, as many as there is room for. */
export function Figures({ children, columns = 6 }: { children: ReactNode; columns?: number }) {
  return (
    <Box className="figures" __vars={{ "--columns": String(columns) }}>
      {children}
    </Box>
  );
}
