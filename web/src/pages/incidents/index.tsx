import { usePart } from "@/app/part";
import { Incident } from "./incident";
import { Incidents } from "./incidents";

export function View() {
  const incidentId = usePart("incidentId");
  return incidentId === undefined ? <Incidents /> : <Incident id={incidentId} />;
}
