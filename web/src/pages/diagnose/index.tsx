import { Stack, Text } from "@mantine/core";
import { Page } from "@/app/page";
import { useAddress } from "@/app/range";
import { Ask } from "@/pages/diagnose/ask";
import { Diagnosis } from "@/diagnosis/diagnosis";
import { askedTarget } from "@/diagnosis/target";

export function View() {
  const [address] = useAddress();
  const target = askedTarget(address);
  return (
    <Page title="Diagnose">
      <Ask />
      {target === undefined ? (
        <Stack gap={4}>
          <Text fw={600}>
            Ask what is wrong with something, and see what changed, where the time goes, and what is suspected.
          </Text>
          <Text size="sm">
            Of a service, feature, endpoint, alert or incident the answer is here; of a trace, order or user it is on
            their own page.
          </Text>
        </Stack>
      ) : (
        <Diagnosis target={target} />
      )}
    </Page>
  );
}
