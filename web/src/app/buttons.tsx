import { ActionIcon, Button, Tooltip, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";

/** Light or dark; without a choice it is as the machine has it. */
export function Scheme() {
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("light") === "dark";
  const label = dark ? "Light colours" : "Dark colours";
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="default"
        size="md"
        aria-label={label}
        onClick={() => setColorScheme(dark ? "light" : "dark")}
      >
        {dark ? "☀" : "☾"}
      </ActionIcon>
    </Tooltip>
  );
}

/** Ends the session. A form, as the server wants it: the browser is led to the login by the answer. */
export function Leave() {
  return (
    <form method="post" action="/logout">
      <Button type="submit" variant="default" size="xs" px="xs">
        Log out
      </Button>
    </form>
  );
}
