import type { Field } from "@/pages/traces/filterform";

const ANY = { value: "", label: "any" };

/** What is asked for most. */
export const MAIN: readonly Field[] = [
  { name: "service", label: "Service" },
  { name: "operation", label: "Operation" },
  {
    name: "status",
    label: "Status",
    choices: [ANY, { value: "error", label: "failed" }, { value: "ok", label: "ok" }],
  },
  { name: "from_ms", label: "At least (ms)", number: true },
  { name: "to_ms", label: "At most (ms)", number: true },
  {
    name: "sort",
    label: "First",
    choices: [
      { value: "", label: "newest" },
      { value: "slowest", label: "slowest" },
    ],
  },
];

export const OTHERS: readonly Field[] = [
  { name: "feature", label: "Feature", example: "chat" },
  { name: "user", label: "User" },
  { name: "cohort", label: "Cohort" },
  {
    name: "outcome",
    label: "Outcome",
    choices: [ANY, ...["success", "failure", "partial", "simulated"].map((value) => ({ value, label: value }))],
  },
  { name: "model", label: "Model" },
  { name: "exchange", label: "Exchange" },
  { name: "signal", label: "Signal" },
  { name: "order", label: "Order" },
  { name: "decision", label: "Decision" },
  { name: "conversation", label: "Conversation" },
  { name: "trace", label: "Trace id, or its beginning" },
  { name: "attribute", label: "Attributes, parted by ;", example: "exchange.id=kraken" },
];
