import { Group, Kbd, Modal, SimpleGrid, Stack, Text } from "@mantine/core";
import { PAGES } from "@/pages";

/** Which keys do what, and where the rest of the help is. */
export function Help({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Keys and help" size="lg">
      <Stack>
        <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs" verticalSpacing={4}>
          <Key keys={["/"]} what="search" />
          <Key keys={["?"]} what="this help" />
          {PAGES.map((page) => (
            <Key key={page.id} keys={["g", page.key]} what={page.title} />
          ))}
        </SimpleGrid>
        <Text size="sm">
          The address holds the whole view: send it, and another sees the same. Hover or focus a number to see its
          samples, window, age and source. Drag over a chart to zoom, click a point for its traces.
        </Text>
        <Text size="sm">
          <a href="/docs">API</a> · <a href="/plain">Plain page without script</a>
        </Text>
      </Stack>
    </Modal>
  );
}

function Key({ keys, what }: { keys: string[]; what: string }) {
  return (
    <Group gap="xs" wrap="nowrap">
      <Group gap={4} wrap="nowrap" w={56}>
        {keys.map((key) => (
          <Kbd key={key}>{key}</Kbd>
        ))}
      </Group>
      <Text size="sm">{what}</Text>
    </Group>
  );
}
