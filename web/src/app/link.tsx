import { Anchor, type AnchorProps } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { carried, type Address } from "@/app/address";
import { useHere } from "@/app/range";

type Props = AnchorProps & {
  /** A path of these pages, such as `/incidents/7`. */
  to: string;
  /** What the address says beside what every page shares. */
  search?: Address;
  children: ReactNode;
  "aria-label"?: string;
  onClick?: () => void;
};

/** A link to another page, which takes range, environment and zone along. */
export function Go({ to, search = {}, children, ...rest }: Props) {
  const along = useAlong(search);
  return (
    <Anchor {...rest} renderRoot={(props) => <Link {...props} to={to} search={along} />}>
      {children}
    </Anchor>
  );
}

/** `search` of a link: what every page shares, and the given. */
export function useAlong(search: Address = {}): Address {
  return { ...carried(useHere()), ...search };
}
