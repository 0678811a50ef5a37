import { Anchor } from "@mantine/core";
import type { ReactNode } from "react";
import { Go } from "@/app/link";
import { pageOf } from "@/diagnosis/target";

/** A link that the API gave: to the page where there is one, else to the answer itself. */
export function ApiLink({ link, children }: { link: string; children: ReactNode }) {
  const page = pageOf(link);
  if (page !== undefined) {
    return (
      <Go to={page.path} search={page.search} fz="inherit">
        {children}
      </Go>
    );
  }
  return (
    <Anchor href={link} fz="inherit">
      {children}
    </Anchor>
  );
}
