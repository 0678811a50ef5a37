import { Box, Button, Group, NativeSelect, Popover, Stack } from "@mantine/core";
import { RANGES } from "@/app/address";
import { CustomRange } from "@/app/customrange";
import { useRange, type Range } from "@/app/range";
import { useSession } from "@/app/session";

/** Range, environment and zone: beside each other where there is room, else behind one button. */
export function Controls() {
  const range = useRange();
  return (
    <>
      <Group gap="xs" wrap="nowrap" visibleFrom="md">
        <Choices range={range} />
      </Group>
      <Box hiddenFrom="md">
        <Popover position="bottom-end" shadow="md" trapFocus>
          <Popover.Target>
            <Button variant="default" size="xs" aria-label={`${range.range}: range, environment and zone`}>
              {range.range}
            </Button>
          </Popover.Target>
          <Popover.Dropdown>
            <Stack gap="xs">
              <Choices range={range} />
            </Stack>
          </Popover.Dropdown>
        </Popover>
      </Box>
    </>
  );
}

function Choices({ range }: { range: Range }) {
  const known = useSession()?.environments ?? [];
  const environments = [...new Set([...known, range.environment])];
  return (
    <>
      <NativeSelect
        size="xs"
        aria-label="Environment"
        data={environments}
        value={range.environment}
        onChange={(event) => range.set({ environment: event.currentTarget.value })}
      />
      <NativeSelect
        size="xs"
        aria-label="Range"
        data={range.range === "custom" ? ["custom", ...RANGES] : [...RANGES]}
        value={range.range}
        onChange={(event) => range.set({ range: event.currentTarget.value, from: undefined, to: undefined })}
      />
      <CustomRange range={range} />
      <NativeSelect
        size="xs"
        aria-label="Zone of times"
        data={[
          { value: "utc", label: "UTC" },
          { value: "local", label: "local" },
        ]}
        value={range.zone}
        onChange={(event) => range.set({ zone: event.currentTarget.value })}
      />
    </>
  );
}
