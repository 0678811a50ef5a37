import { Tabs } from "@mantine/core";
import { Page } from "@/app/page";
import { useAddress } from "@/app/range";
import { AreaHead } from "@/areas/Head";
import { Anomalies } from "./anomalies";
import { Breakdown } from "./breakdown";
import { Budgets } from "./budgets";
import { Overview } from "./overview";
import { Prices } from "./prices";
import { Users } from "./users";

const TABS = [
  ["now", "Now and forecast", Overview],
  ["breakdown", "By dimension", Breakdown],
  ["budgets", "Budgets", Budgets],
  ["anomalies", "Anomalies", Anomalies],
  ["users", "Users and outcomes", Users],
  ["prices", "Prices and gaps", Prices],
] as const;

/** What everything costs, who caused it, where it is going, and what is not known of it. */
export function View() {
  const [address, change] = useAddress();
  const chosen = TABS.find(([id]) => id === address.tab)?.[0] ?? "now";
  return (
    <Page title="Cost control">
      <AreaHead area="costs" />
      <Tabs
        value={chosen}
        onChange={(tab) => change({ tab: tab === "now" ? undefined : (tab ?? undefined) })}
        keepMounted={false}
      >
        <Tabs.List mb="md">
          {TABS.map(([id, title]) => (
            <Tabs.Tab key={id} value={id}>
              {title}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {TABS.map(([id, , View]) => (
          <Tabs.Panel key={id} value={id}>
            <View />
          </Tabs.Panel>
        ))}
      </Tabs>
    </Page>
  );
}
