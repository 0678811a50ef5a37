import { titled } from "@/format";

/** The areas with a page of their own, in the order of the catalogue: their names and the fields that say most. */
export type AreaName = {
  id: string;
  title: string;
  to: string;
  search?: Record<string, string>;
  figures: readonly string[];
};

export const AREAS: readonly AreaName[] = [
  { id: "ai_systems", title: "AI systems", to: "/ai", figures: ["error_rate_5m", "response_time_p95_ms"] },
  {
    id: "signal_intelligence",
    title: "Signals",
    to: "/signals",
    figures: ["delivery_success_rate", "signal_latency_p95_ms"],
  },
  {
    id: "trading_execution",
    title: "Trading",
    to: "/trading",
    figures: ["execution_success_rate", "avg_slippage_bps"],
  },
  { id: "market_data", title: "Market data", to: "/trading", figures: ["websocket_uptime", "data_staleness_max_ms"] },
  { id: "risk_management", title: "Risk", to: "/risk", figures: ["breaches_5m", "avg_calc_time_ms"] },
  { id: "credits", title: "Credits", to: "/credits", figures: ["ledger_mismatches_5m", "payment_success_rate"] },
  {
    id: "strategies",
    title: "Strategies",
    to: "/strategies",
    figures: ["execution_success_rate", "active_strategies_1h"],
  },
  { id: "costs", title: "Costs", to: "/costs", figures: ["cost_last_hour_usd", "ai_cost_last_hour_usd"] },
  { id: "emergency", title: "Emergency", to: "/emergency", figures: ["breakers_open", "security_events_5m"] },
  { id: "resources", title: "Resources", to: "/resources", figures: ["memory_used_ratio", "pool_used_ratio"] },
];

/** Every area that the server judges: one that has no page of its own is shown too, with the panels of its indicators. */
export function areasOf(judged: readonly string[]): readonly AreaName[] {
  const known = new Set(AREAS.map((area) => area.id));
  const others = judged.filter((id) => !known.has(id));
  return [
    ...AREAS,
    ...others.map((id) => ({ id, title: titled(id), to: "/panels", search: { area: id }, figures: [] })),
  ];
}

export function areaName(id: string): AreaName | undefined {
  return AREAS.find((area) => area.id === id);
}
