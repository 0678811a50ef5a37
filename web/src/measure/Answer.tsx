import { Alert, Button, Center, Group, Loader, Text, VisuallyHidden } from "@mantine/core";
import type { ReactNode } from "react";
import { sentenceOf } from "@/api/client";

export function Loading({ what = "what was measured", height = 120 }: { what?: string; height?: number }) {
  return (
    <Center mih={height} role="status">
      <Loader size="sm" aria-hidden="true" />
      <VisuallyHidden>Loading {what}</VisuallyHidden>
    </Center>
  );
}

/** Nothing is there, and what to do about it. */
export function Empty({ title = "Nothing here", children }: { title?: string; children?: ReactNode }) {
  return (
    <Text c="dimmed" size="sm" py="sm">
      {title}. {children}
    </Text>
  );
}

export function Failed({ error, retry, what = "this" }: { error: unknown; retry?: () => void; what?: string }) {
  return (
    <Alert color="red" variant="light" role="alert" title={`The server did not give ${what}`}>
      <Group justify="space-between">
        <Text size="sm">{sentenceOf(error)}</Text>
        {retry && (
          <Button size="xs" variant="default" onClick={retry}>
            Ask again
          </Button>
        )}
      </Group>
    </Alert>
  );
}

type Asked<T> = { data: T | undefined; error: unknown; isPending: boolean; refetch: () => unknown };

/** What is shown of one question: that it is asked, that it failed, or the answer; an old one says that it is old. */
export function Answer<T>({
  query,
  what,
  height,
  children,
}: {
  query: Asked<T>;
  what?: string;
  height?: number;
  children: (data: T) => ReactNode;
}) {
  const { data, error, isPending, refetch } = query;
  const named = what === undefined ? {} : { what };
  if (data !== undefined) {
    return (
      <>
        {error !== null && error !== undefined && (
          <Failed error={error} retry={() => void refetch()} what={`a newer answer for ${what ?? "this"}`} />
        )}
        {children(data)}
      </>
    );
  }
  if (isPending) return <Loading {...named} {...(height === undefined ? {} : { height })} />;
  return <Failed error={error} retry={() => void refetch()} {...named} />;
}
