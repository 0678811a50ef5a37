import { SimpleGrid } from "@mantine/core";
import type { ReactNode } from "react";

/** Parts beside each other where there is room for two. */
export function Pair({ children }: { children: ReactNode }) {
  return (
    <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="md" verticalSpacing="md">
      {children}
    </SimpleGrid>
  );
}
