import { Figure, Figures } from "@/measure";
import { numberOf, originOfRow, textOf, type Told } from "@/areas/values";

/** The figures of all exchanges together. */
export function Overview({ data }: { data: Told<"TradingDeepDive"> }) {
  const all = data.execution;
  const unknown = data.unknown_states;
  const gap = data.paper_live?.items.find((row) => textOf(row.part) === "total");
  return (
    <Figures>
      <Figure
        label="Orders that succeed"
        value={all?.execution_success_rate}
        unit="ratio"
        provenance={all?.provenance["execution_success_rate"]}
      />
      <Figure
        label="Latency p95, market orders"
        value={all?.market_order_latency_p95_ms}
        unit="ms"
        provenance={all?.provenance["market_order_latency_p95_ms"]}
      />
      <Figure
        label="Slippage p95"
        value={all?.slippage_p95_bps}
        unit="bps"
        provenance={all?.provenance["slippage_p95_bps"]}
      />
      <Figure
        label="Shortfall, mean"
        value={all?.shortfall_mean_bps}
        unit="bps"
        provenance={all?.provenance["shortfall_mean_bps"]}
        hint="from the decision to the fill, fees included"
      />
      <Figure
        label="Orders in unknown state"
        value={unknown?.unknown_orders}
        unit="1"
        provenance={unknown?.provenance["unknown_orders"]}
      />
      <Figure
        label="Live worse than paper"
        value={numberOf(gap?.mean_bps)}
        unit="bps"
        {...(gap === undefined ? {} : { provenance: originOfRow(data.paper_live, "bps", gap, "mean_bps", "known") })}
        hint="same signals, mean"
      />
    </Figures>
  );
}
