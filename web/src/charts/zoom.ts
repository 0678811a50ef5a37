import { useCallback } from "react";
import { useRange } from "@/app/range";

/** Puts a stretch that was drawn over into the address, as its range. */
export function useZoom(): (from: string, to: string) => void {
  const { set } = useRange();
  return useCallback((from, to) => set({ from, to, range: undefined }), [set]);
}
