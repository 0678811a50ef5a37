import { useNavigate, useRouterState } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { DEFAULT_ENVIRONMENT, DEFAULT_RANGE, type Address, type Zone } from "@/app/address";

export type Range = {
  /** A window such as `1h`, or `custom` when `from` and `to` say it. */
  range: string;
  from?: string;
  to?: string;
  environment: string;
  zone: Zone;
  set: (changes: Partial<Record<"range" | "from" | "to" | "environment" | "zone", string | undefined>>) => void;
};

/** Range, environment and zone of the times, as the address says them. */
export function useRange(): Range {
  const [address, change] = useAddress();
  return useMemo(() => ({ ...readRange(address), set: change }), [address, change]);
}

/** All of the address, and a way to change parts of it: what is `undefined` or empty is left out. */
export function useAddress(): [Address, (changes: Address) => void] {
  const address = useHere();
  const navigate = useNavigate();
  const change = useCallback(
    (changes: Address) => {
      void navigate({ to: ".", search: (before: Address) => ({ ...before, ...changes }), replace: true });
    },
    [navigate],
  );
  return [address, change];
}

/** What the address says after its `?`. */
export function useHere(): Address {
  return useRouterState({ select: ({ location }) => location.search as Address });
}

export function readRange(address: Address): Omit<Range, "set"> {
  const { from, to } = address;
  const custom = from !== undefined && to !== undefined;
  return {
    range: custom ? "custom" : (address.range ?? DEFAULT_RANGE),
    ...(custom ? { from, to } : {}),
    environment: address.environment ?? DEFAULT_ENVIRONMENT,
    zone: address.zone === "local" ? "local" : "utc",
  };
}

/** The same as the API's query parameters: `window`, or `from` and `to`; and `environment`. */
export function asked(range: Omit<Range, "set">): { window?: string; from?: string; to?: string; environment: string } {
  const { from, to, environment } = range;
  return from !== undefined && to !== undefined ? { from, to, environment } : { window: range.range, environment };
}
