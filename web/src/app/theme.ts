import { Anchor, createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

const TEAL: MantineColorsTuple = [
  "#e3fbf8",
  "#c3f3ed",
  "#95e6dd",
  "#63d6ca",
  "#3cc4b7",
  "#1faea1",
  "#12897f",
  "#0c6f67",
  "#0a5a54",
  "#074540",
];

const NIGHT: MantineColorsTuple = [
  "#d8dee6",
  "#bac4d0",
  "#97a4b4",
  "#6b7887",
  "#4a5664",
  "#36414d",
  "#28323d",
  "#1b232c",
  "#141a21",
  "#0d1218",
];

export const theme = createTheme({
  primaryColor: "sea",
  primaryShade: { light: 7, dark: 8 },
  autoContrast: true,
  colors: { sea: TEAL, dark: NIGHT },
  defaultRadius: "sm",
  fontFamily: "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  headings: { fontWeight: "650" },
  cursorType: "pointer",
  // A link within text is not told by its colour alone.
  components: { Anchor: Anchor.extend({ defaultProps: { underline: "always" } }) },
});

/** Mantine's own grey for what matters less is too pale to be read on white. */
export const contrasts: CSSVariablesResolver = () => ({
  variables: {},
  light: { "--mantine-color-dimmed": "#59636e", "--mantine-color-placeholder": "#67727e" },
  dark: {},
});
