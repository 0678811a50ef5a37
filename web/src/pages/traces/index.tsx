import { useParams } from "@tanstack/react-router";
import { Page } from "@/app/page";
import { useHere } from "@/app/range";
import { Comparison } from "@/pages/traces/compare";
import { Detail } from "@/pages/traces/detail";
import { Exceptions } from "@/pages/traces/exceptions";
import { Found } from "@/pages/traces/found";
import { PartLinks } from "@/pages/traces/tabs";

const PARTS = [
  { value: "search", text: "Search" },
  { value: "exceptions", text: "Exceptions" },
  { value: "compare", text: "Compare" },
];

export function View() {
  const { traceId }: { traceId?: string } = useParams({ strict: false });
  return traceId === undefined ? <Search /> : <Detail traceId={traceId} />;
}

function Search() {
  const { tab } = useHere();
  return (
    <Page title="Traces" actions={<PartLinks label="Parts of the page" parts={PARTS} />}>
      {tab === "exceptions" ? <Exceptions /> : tab === "compare" ? <Comparison /> : <Found />}
    </Page>
  );
}
