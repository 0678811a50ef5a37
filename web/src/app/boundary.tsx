import { Alert, Button, Center, Loader, Stack, Text, VisuallyHidden } from "@mantine/core";
import { sentenceOf } from "@/api/client";
import { Page } from "@/app/page";
import { Go } from "@/app/link";

/** What stands in a page's place when its own code fails. The rest of the shell goes on. */
export function Broken({ error, retry }: { error: unknown; retry: () => void }) {
  return (
    <Page title="This page failed">
      <Alert color="red" title="An error in the page itself" role="alert">
        <Stack align="flex-start" gap="xs">
          <Text size="sm">{sentenceOf(error)}</Text>
          <Text size="sm">
            What the server measures goes on. Try again, load the page anew, or look at the{" "}
            <a href="/plain">plain page</a>.
          </Text>
          <Button size="xs" variant="default" onClick={retry}>
            Try again
          </Button>
        </Stack>
      </Alert>
    </Page>
  );
}

export function Nowhere() {
  return (
    <Page title="No such page">
      <Text>
        Nothing is at this address. The <Go to="/">overview</Go> leads to every page.
      </Text>
    </Page>
  );
}

export function Loading() {
  return (
    <Center mih={240}>
      <Loader size="sm" aria-hidden="true" />
      <VisuallyHidden role="status">The page is loading</VisuallyHidden>
    </Center>
  );
}
