import type { ComponentType } from "react";

export const GROUPS = ["Now", "Areas", "Search", "Observatory"] as const;
export type Group = (typeof GROUPS)[number];

export type PageEntry = {
  id: string;
  title: string;
  group: Group;
  /** The first is the page, the others are parts of it. `$name` stands for a value. */
  paths: readonly [string, ...string[]];
  /** `g` and this key lead there. */
  key: string;
  load: () => Promise<{ View: ComponentType }>;
};

/** Every page, in the order in which people are shown them. Each is loaded when it is first wanted. */
export const PAGES: readonly PageEntry[] = [
  { id: "executive", title: "Overview", group: "Now", paths: ["/"], key: "e", load: () => import("./executive") },
  {
    id: "incidents",
    title: "Incidents",
    group: "Now",
    paths: ["/incidents", "/incidents/$incidentId"],
    key: "i",
    load: () => import("./incidents"),
  },
  {
    id: "alerts",
    title: "Alerts",
    group: "Now",
    paths: ["/alerts", "/alerts/$part"],
    key: "a",
    load: () => import("./alerts"),
  },
  {
    id: "emergency",
    title: "Emergency",
    group: "Now",
    paths: ["/emergency", "/emergency/$runbookId"],
    key: "x",
    load: () => import("./emergency"),
  },
  { id: "ai", title: "AI operations", group: "Areas", paths: ["/ai"], key: "m", load: () => import("./ai") },
  { id: "trading", title: "Trading", group: "Areas", paths: ["/trading"], key: "t", load: () => import("./trading") },
  { id: "signals", title: "Signals", group: "Areas", paths: ["/signals"], key: "s", load: () => import("./signals") },
  { id: "costs", title: "Costs", group: "Areas", paths: ["/costs"], key: "c", load: () => import("./costs") },
  { id: "risk", title: "Risk", group: "Areas", paths: ["/risk"], key: "r", load: () => import("./risk") },
  { id: "credits", title: "Credits", group: "Areas", paths: ["/credits"], key: "k", load: () => import("./credits") },
  {
    id: "strategies",
    title: "Strategies",
    group: "Areas",
    paths: ["/strategies"],
    key: "y",
    load: () => import("./strategies"),
  },
  {
    id: "resources",
    title: "Resources",
    group: "Areas",
    paths: ["/resources"],
    key: "o",
    load: () => import("./resources"),
  },
  {
    id: "services",
    title: "Services",
    group: "Search",
    paths: ["/services", "/services/$serviceId"],
    key: "v",
    load: () => import("./services"),
  },
  {
    id: "user",
    title: "User",
    group: "Search",
    paths: ["/user", "/user/$userId"],
    key: "u",
    load: () => import("./user"),
  },
  {
    id: "diagnose",
    title: "Diagnose",
    group: "Search",
    paths: ["/diagnose"],
    key: "d",
    load: () => import("./diagnose"),
  },
  {
    id: "traces",
    title: "Traces",
    group: "Search",
    paths: ["/traces", "/traces/$traceId"],
    key: "f",
    load: () => import("./traces"),
  },
  { id: "logs", title: "Logs", group: "Search", paths: ["/logs"], key: "l", load: () => import("./logs") },
  {
    id: "panels",
    title: "Panels",
    group: "Search",
    paths: ["/panels", "/panels/$viewId"],
    key: "p",
    load: () => import("./panels"),
  },
  {
    id: "selfwatch",
    title: "Self-watch",
    group: "Observatory",
    paths: ["/selfwatch"],
    key: "w",
    load: () => import("./selfwatch"),
  },
  {
    id: "settings",
    title: "Settings",
    group: "Observatory",
    paths: ["/settings", "/settings/$part"],
    key: ",",
    load: () => import("./settings"),
  },
];

/** All paths, one a line, as the server has to know them. */
export function printed(): string {
  return PAGES.flatMap((page) => page.paths).join("\n");
}
