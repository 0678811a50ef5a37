import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";

/** Says that something was done, and asks again for what is shown: most of it may have changed by that. */
export function useDone(): (sentence: string) => void {
  const queries = useQueryClient();
  return useCallback(
    (sentence) => {
      notifications.show({ message: sentence });
      void queries.invalidateQueries();
    },
    [queries],
  );
}
