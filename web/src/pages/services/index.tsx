import { usePart } from "@/app/part";
import { Service } from "./service";
import { Services } from "./services";

/** The 65 services, how each is, and who calls whom. */
export function View() {
  const serviceId = usePart("serviceId");
  return serviceId === undefined ? <Services /> : <Service id={serviceId} />;
}
