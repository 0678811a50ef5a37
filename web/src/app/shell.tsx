import { AppShell, Box, Burger, Group, Text, VisuallyHidden } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import { carried } from "@/app/address";
import { Controls } from "@/app/controls";
import { Help } from "@/app/help";
import { useKeys } from "@/app/keyboard";
import { Go } from "@/app/link";
import { LiveContext, useLive } from "@/app/live";
import { LinkState } from "@/app/linkstate";
import { Nav } from "@/app/nav";
import { useAddress } from "@/app/range";
import { openSearch, Search } from "@/app/search";
import { may, useSession } from "@/app/session";
import { Leave, Scheme } from "@/app/buttons";
import { Views } from "@/app/views";
import { ProvenanceCard } from "@/measure";
import { PAGES } from "@/pages";

/** What stands round every page: header, navigation, search, help, the live stream. */
export function Shell() {
  const [opened, menu] = useDisclosure(false);
  const [helped, help] = useDisclosure(false);
  const session = useSession();
  const reads = may(session, "read");
  const link = useLive(reads);
  const path = useRouterState({ select: (state) => state.location.pathname });
  useEffect(() => menu.close(), [path, menu]);
  useShellKeys(help.toggle, reads);
  return (
    <LiveContext value={link}>
      <a href="#content" className="skip">
        To the content
      </a>
      <AppShell
        header={{ height: 52 }}
        navbar={{ width: 196, breakpoint: "sm", collapsed: { mobile: !opened } }}
        padding="md"
      >
        <AppShell.Header px="md">
          <Group h="100%" justify="space-between" wrap="nowrap" gap="sm">
            <Group gap="sm" wrap="nowrap">
              <Burger opened={opened} onClick={menu.toggle} hiddenFrom="sm" size="sm" aria-label="Navigation" />
              <Go to="/" underline="never" c="inherit" fw={700}>
                <Text span fw={700}>
                  Observatory
                </Text>
              </Go>
              {reads && <LinkState link={link} />}
            </Group>
            <Group gap="xs" wrap="nowrap">
              {reads && <Views />}
              {reads && <Controls />}
              <Scheme />
              <Box visibleFrom="sm">
                <Leave />
              </Box>
            </Group>
          </Group>
        </AppShell.Header>
        <AppShell.Navbar p="xs">
          <Nav session={session} onHelp={help.open} />
        </AppShell.Navbar>
        <AppShell.Main id="content" tabIndex={-1}>
          <Outlet />
        </AppShell.Main>
      </AppShell>
      {reads && <Search />}
      <ProvenanceCard />
      <Help opened={helped} onClose={help.close} />
      <VisuallyHidden role="status">
        {link === "lost" ? "The live stream is lost; it is looked for." : ""}
      </VisuallyHidden>
    </LiveContext>
  );
}

function useShellKeys(help: () => void, reads: boolean): void {
  const navigate = useNavigate();
  const [address] = useAddress();
  const keys = useMemo(() => {
    const to = (path: string) => () => void navigate({ to: path, search: carried(address) });
    const pages = reads ? PAGES.map((page) => [page.key, to(page.paths[0])] as const) : [];
    return {
      single: { "?": help, ...(reads ? { "/": openSearch } : {}) },
      sequences: Object.fromEntries(pages),
    };
  }, [help, navigate, address, reads]);
  useKeys(keys);
}
