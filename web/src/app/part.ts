import { useParams } from "@tanstack/react-router";

/** What stands in the path for `$name`; undefined where the path has no such part. */
export function usePart(name: string): string | undefined {
  const found: Record<string, string | undefined> = useParams({ strict: false });
  return found[name];
}
