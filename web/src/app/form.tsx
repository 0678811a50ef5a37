import { NativeSelect, Text, TextInput, type NativeSelectProps, type TextInputProps } from "@mantine/core";
import { sentenceOf } from "@/api/client";

type Typing = Omit<TextInputProps, "onChange" | "size"> & { onText: (text: string) => void };

/** A line of text in a form. */
export function Typed({ onText, ...rest }: Typing) {
  return <TextInput size="xs" {...rest} onChange={(event) => onText(event.currentTarget.value)} />;
}

type Choosing = Omit<NativeSelectProps, "onChange" | "size"> & { onText: (text: string) => void };

/** One of several in a form. */
export function Chosen({ onText, ...rest }: Choosing) {
  return <NativeSelect size="xs" {...rest} onChange={(event) => onText(event.currentTarget.value)} />;
}

/** Why the server refused; nothing when it did not. */
export function Refused({ error }: { error: unknown }) {
  if (error === null || error === undefined) return null;
  return (
    <Text size="sm" c="red" role="alert">
      {sentenceOf(error)}
    </Text>
  );
}
