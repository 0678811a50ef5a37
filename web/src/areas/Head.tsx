import { Group } from "@mantine/core";
import type { Schemas } from "@/api/client";
import { Go } from "@/app/link";
import { AreaVerdict } from "@/areas/parts";

/** How an area stands, in words, and the ways on from there. */
export function AreaHead({
  area,
  well = "All that is judged is within its bounds.",
}: {
  area: keyof Schemas["AreasHealth"];
  well?: string;
}) {
  return (
    <div>
      <AreaVerdict area={area} well={well} />
      <Group gap="sm" mt={4}>
        <Go to="/alerts" search={{ area }} fz="sm">
          Alerts
        </Go>
        <Go to="/incidents" search={{ area }} fz="sm">
          Incidents
        </Go>
        <Go to="/panels" search={{ area }} fz="sm">
          Every indicator
        </Go>
      </Group>
    </div>
  );
}
