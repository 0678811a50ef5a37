import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  type AnyRoute,
  type ErrorComponentProps,
} from "@tanstack/react-router";
import { readAddress, writeAddress, type Address } from "@/app/address";
import { Broken, Loading, Nowhere } from "@/app/boundary";
import { Shell } from "@/app/shell";
import { PAGES, type PageEntry } from "@/pages";

/** The tree of routes: the shell, and in it a route for each path of each page. */
export function pagesRouter() {
  const root = createRootRoute({
    component: Shell,
    notFoundComponent: Nowhere,
    validateSearch: (found: Record<string, unknown>) => found as Address,
  });
  const children = PAGES.flatMap((page) => routesOf(page, root));
  return createRouter({
    routeTree: root.addChildren(children),
    parseSearch: readAddress,
    stringifySearch: writeAddress,
    defaultPreload: "intent",
    defaultPendingComponent: Loading,
    defaultPendingMs: 300,
    defaultErrorComponent: ({ error, reset }: ErrorComponentProps<unknown>) => <Broken error={error} retry={reset} />,
    scrollRestoration: true,
  });
}

function routesOf(page: PageEntry, root: AnyRoute) {
  const component = lazyRouteComponent(page.load, "View");
  return page.paths.map((path) => createRoute({ getParentRoute: () => root, path, component }));
}
