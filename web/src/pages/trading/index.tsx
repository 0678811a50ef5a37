import { Stack } from "@mantine/core";
import { api } from "@/api/client";
import { useAsked } from "@/app/fresh";
import { Page } from "@/app/page";
import { asked, useAddress } from "@/app/range";
import { Answer, Sections } from "@/measure";
import { Detail } from "@/pages/trading/detail";
import { Exchanges } from "@/pages/trading/exchanges";
import { Market } from "@/pages/trading/market";
import { Overview } from "@/pages/trading/overview";
import { AreaVerdict } from "@/areas/parts";

/** What has its own drawing above. */
const DRAWN = ["execution", "exchanges", "drops", "costs", "unknown_orders", "unknown_states", "waiting", "paper_live"];
const MOST_ROWS = 200;

/** Whether orders get through, at what price, and whether the prices they rest on are true. */
export function View() {
  const { range, options } = useAsked();
  const [address] = useAddress();
  const query = { ...asked(range), limit: MOST_ROWS };
  const trading = api.useQuery("get", "/api/v1/monitoring/trading", { params: { query } }, options);
  const execution = api.useQuery("get", "/api/v1/monitoring/trading/execution", { params: { query } }, options);
  const market = api.useQuery("get", "/api/v1/monitoring/market-data", { params: { query } }, options);
  const chosen = address["exchange"] ?? "";
  return (
    <Page title="Trading operations">
      <AreaVerdict area="trading_execution" well="Live orders get through as they should." />
      <Answer query={trading} what="trading">
        {(data) => (
          <Stack gap="md">
            <Overview data={data} />
            <Exchanges trading={data} execution={execution.data} market={market.data} chosen={chosen} />
            <Detail trading={data} chosen={chosen} />
          </Stack>
        )}
      </Answer>
      <Answer query={market} what="market data">
        {(data) => <Market data={data} chosen={chosen} />}
      </Answer>
      <Answer query={trading} what="trading">
        {(data) => <Sections data={data} omit={DRAWN} />}
      </Answer>
    </Page>
  );
}
