import { Page } from "@/app/page";
import { useAddress } from "@/app/range";
import { Patterns } from "@/pages/logs/patterns";
import { SEVERITIES } from "@/pages/logs/query";
import { Records } from "@/pages/logs/records";
import { Tail } from "@/pages/logs/tail";
import { FilterForm, type Field } from "@/pages/traces/filterform";
import { PartLinks } from "@/pages/traces/tabs";

const PARTS = [
  { value: "records", text: "Records" },
  { value: "patterns", text: "Patterns" },
  { value: "tail", text: "Live tail" },
];
const FIELDS: readonly Field[] = [
  { name: "text", label: "Words", example: 'timeout -retry "no answer"' },
  { name: "service", label: "Service" },
  {
    name: "severity",
    label: "At least",
    choices: [{ value: "", label: "any" }, ...SEVERITIES.map((value) => ({ value, label: value }))],
  },
  { name: "event", label: "Event" },
  { name: "trace", label: "Trace id" },
  { name: "user", label: "User" },
];
const MORE: readonly Field[] = [
  { name: "span", label: "Span id" },
  { name: "attribute", label: "Attributes, parted by ;", example: "exchange.id=kraken" },
];

export function View() {
  const [address, change] = useAddress();
  return (
    <Page title="Logs" actions={<PartLinks label="Parts of the page" parts={PARTS} />}>
      <FilterForm label="Log records" fields={FIELDS} more={MORE} address={address} change={change} />
      {address.tab === "patterns" ? <Patterns /> : address.tab === "tail" ? <Tail /> : <Records />}
    </Page>
  );
}
