import { Anchor, Group } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useHere } from "@/app/range";

type Props = {
  label: string;
  /** The name of the address that says which part is shown. */
  name?: string;
  /** The first is shown when the address says nothing. */
  parts: readonly { value: string; text: string }[];
};

/** Links to the parts of a page, which keep the rest of the address. */
export function PartLinks({ label, name = "tab", parts }: Props) {
  const address = useHere();
  const [first] = parts;
  const shown = address[name] ?? first?.value;
  return (
    <Group component="nav" aria-label={label} gap="lg">
      {parts.map(({ value, text }) => {
        const current = value === shown;
        const search = { ...address, cursor: undefined, [name]: value === first?.value ? undefined : value };
        return (
          <Anchor
            key={value}
            fw={current ? 700 : 400}
            underline={current ? "always" : "hover"}
            aria-current={current ? "page" : undefined}
            renderRoot={(props) => <Link {...props} to="." search={search} />}
          >
            {text}
          </Anchor>
        );
      })}
    </Group>
  );
}
