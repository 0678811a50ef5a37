import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useState } from "react";
import { nonce } from "@/app/nonce";
import { queryClient } from "@/app/queries";
import { pagesRouter } from "@/app/router";
import { contrasts, theme } from "@/app/theme";

export function App() {
  const [queries] = useState(queryClient);
  const [router] = useState(pagesRouter);
  return (
    <MantineProvider theme={theme} cssVariablesResolver={contrasts} defaultColorScheme="auto" getStyleNonce={nonce}>
      <Notifications position="bottom-right" />
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  );
}
