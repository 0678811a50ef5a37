import { Button, Group, NativeSelect, SimpleGrid, Stack, TextInput } from "@mantine/core";
import type { FormEvent } from "react";
import type { Address } from "@/app/address";

export type Field = {
  name: string;
  label: string;
  /** Words to choose from; without them it is typed. */
  choices?: readonly { value: string; label: string }[];
  number?: boolean;
  example?: string;
};

type Props = {
  label: string;
  fields: readonly Field[];
  /** Shown when wanted, or when one of them is set. */
  more?: readonly Field[];
  address: Address;
  change: (changes: Address) => void;
};

/** Filters as labelled inputs, which live in the address. */
export function FilterForm({ label, fields, more = [], address, change }: Props) {
  const all = [...fields, ...more];
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    change({ ...Object.fromEntries(all.map(({ name }) => [name, textOf(form.get(name))])), cursor: undefined });
  };
  const clear = () => change({ ...Object.fromEntries(all.map(({ name }) => [name, undefined])), cursor: undefined });
  const set = more.filter(({ name }) => address[name]).length;
  // Another address makes other inputs: they begin with what it says.
  const key = all.map(({ name }) => address[name] ?? "").join("\n");
  return (
    <form key={key} onSubmit={submit} aria-label={label} role="search">
      <Stack gap="xs">
        <Inputs fields={fields} address={address} />
        {more.length > 0 && (
          <details open={set > 0}>
            <summary>More filters</summary>
            <Inputs fields={more} address={address} />
          </details>
        )}
        <Group gap="xs">
          <Button type="submit" size="xs">
            Search
          </Button>
          <Button variant="default" size="xs" onClick={clear}>
            Clear
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Inputs({ fields, address }: { fields: readonly Field[]; address: Address }) {
  return (
    <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }} spacing="xs" verticalSpacing="xs">
      {fields.map((field) => (
        <Input key={field.name} field={field} value={address[field.name] ?? ""} />
      ))}
    </SimpleGrid>
  );
}

function Input({ field, value }: { field: Field; value: string }) {
  const { name, label, choices, number = false, example } = field;
  if (choices !== undefined)
    return <NativeSelect size="xs" name={name} label={label} data={[...choices]} defaultValue={value} />;
  return (
    <TextInput
      size="xs"
      name={name}
      label={label}
      defaultValue={value}
      {...(example === undefined ? {} : { placeholder: example })}
      {...(number ? { type: "number", min: 0, step: "any" } : {})}
    />
  );
}

function textOf(value: FormDataEntryValue | null): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
}
