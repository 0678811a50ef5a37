import { usePart } from "@/app/part";
import { Find } from "./find";
import { User } from "./user";

/** What one user has, does, costs and suffers. */
export function View() {
  const userId = usePart("userId");
  return userId === undefined ? <Find /> : <User id={userId} />;
}
