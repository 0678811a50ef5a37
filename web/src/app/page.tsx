import { Group, Stack, Title } from "@mantine/core";
import { useEffect, type ReactNode } from "react";

type Props = {
  title: string;
  /** What stands beside the title, at the right. */
  actions?: ReactNode;
  children: ReactNode;
};

/** The frame of every page: its title, which the window has too, and its content. */
export function Page({ title, actions, children }: Props) {
  useEffect(() => {
    document.title = `${title} · Observatory`;
  }, [title]);
  return (
    <Stack gap="md">
      <Group justify="space-between" align="center" wrap="wrap">
        <Title order={1} size="h2" tabIndex={-1} id="title">
          {title}
        </Title>
        {actions}
      </Group>
      {children}
    </Stack>
  );
}
