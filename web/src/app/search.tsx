import { Spotlight, spotlight, type SpotlightActionGroupData } from "@mantine/spotlight";
import { useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { api } from "@/api/client";
import { carried } from "@/app/address";
import { useAddress, useRange } from "@/app/range";
import { PAGES } from "@/pages";

const HEX_ID = /^[0-9a-f]{32}$/i;

export const openSearch = () => spotlight.open();

/** One search for pages, services, traces by id, users and words in logs. */
export function Search() {
  const [query, setQuery] = useState("");
  const groups = useGroups(query.trim());
  return (
    <Spotlight
      actions={groups}
      query={query}
      onQueryChange={setQuery}
      shortcut={null}
      nothingFound="Nothing is called that."
      limit={12}
      scrollable
      maxHeight={420}
      searchProps={{ placeholder: "Page, service, trace id, user id, words of a log record", "aria-label": "Search" }}
    />
  );
}

function useGroups(query: string): SpotlightActionGroupData[] {
  const navigate = useNavigate();
  const [address] = useAddress();
  const { environment } = useRange();
  const services = api.useQuery(
    "get",
    "/api/v1/monitoring/services",
    { params: { query: { environment, limit: 200 } } },
    { enabled: query !== "" },
  ).data;
  return useMemo(() => {
    const to = (path: string, search = {}) => ({
      onClick: () => void navigate({ to: path, search: { ...carried(address), ...search } }),
    });
    const pages = PAGES.map((page) => ({ id: page.id, label: page.title, ...to(page.paths[0]) }));
    const named = (services?.items ?? []).map((each) => ({
      id: `service-${each.id}`,
      label: each.name,
      description: each.id,
      ...to(`/services/${each.id}`),
    }));
    return [
      { group: "Pages", actions: pages },
      { group: "Services", actions: named },
      { group: "Look for it", actions: query === "" ? [] : lookups(query, to) },
    ];
  }, [navigate, address, services, query]);
}

type To = (path: string, search?: Record<string, string>) => { onClick: () => void };

/** Where the words themselves may be found. Their labels hold them, so that they always fit. */
function lookups(query: string, to: To) {
  const text = encodeURIComponent(query);
  const trace = HEX_ID.test(query)
    ? [{ id: "trace", label: `Trace ${query}`, ...to(`/traces/${query.toLowerCase()}`) }]
    : [];
  return [
    ...trace,
    { id: "user", label: `User ${query}`, ...to(`/user/${text}`) },
    { id: "logs", label: `Log records with ${query}`, ...to("/logs", { text: query }) },
  ];
}
