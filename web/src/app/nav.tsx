import { Box, Button, NavLink, ScrollArea, Text } from "@mantine/core";
import { Link, useRouterState } from "@tanstack/react-router";
import { useAlong } from "@/app/link";
import { Leave } from "@/app/buttons";
import { may, type Session } from "@/app/session";
import { GROUPS, PAGES, type PageEntry } from "@/pages";

type Props = { session: Session | undefined; onHelp: () => void };

/** The pages by groups. Who may see one user only is shown that page only. */
export function Nav({ session, onHelp }: Props) {
  if (session !== undefined && !may(session, "read")) return <OwnPage user={session.user} />;
  return (
    <>
      <ScrollArea component="nav" aria-label="Pages" className="grow" type="auto">
        {GROUPS.map((group) => (
          <section key={group} aria-labelledby={`group-${group}`}>
            <Text id={`group-${group}`} size="xs" c="dimmed" fw={600} px="sm" pt={8} pb={2}>
              {group}
            </Text>
            {PAGES.filter((page) => page.group === group).map((page) => (
              <Entry key={page.id} page={page} />
            ))}
          </section>
        ))}
      </ScrollArea>
      <Button variant="subtle" size="xs" justify="space-between" rightSection="?" onClick={onHelp}>
        Keys and help
      </Button>
      <Box hiddenFrom="sm" px="sm" pt="xs">
        <Leave />
      </Box>
    </>
  );
}

function Entry({ page }: { page: PageEntry }) {
  const [path] = page.paths;
  const here = useRouterState({ select: (state) => state.location.pathname });
  const along = useAlong();
  const active = here === path || (path !== "/" && here.startsWith(`${path}/`));
  return (
    <NavLink
      label={page.title}
      active={active}
      aria-current={active ? "page" : undefined}
      className="entry"
      renderRoot={(props) => <Link {...props} to={path} search={along} />}
    />
  );
}

function OwnPage({ user }: { user: string | null }) {
  return (
    <nav aria-label="Pages">
      {user !== null && <NavLink label="My page" active href={`/user/${encodeURIComponent(user)}`} />}
    </nav>
  );
}
