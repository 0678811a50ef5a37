/** Okabe and Ito's colours, which people who see colours differently can tell apart, with two added for long lists. */
export const PALETTE = [
  "#0072b2",
  "#e69f00",
  "#009e73",
  "#cc79a7",
  "#56b4e9",
  "#d55e00",
  "#8c6bb1",
  "#b5a642",
  "#7f7f7f",
] as const;

export const STATUS_COLOURS: Record<string, string> = {
  healthy: "#2a9d5c",
  degraded: "#e69f00",
  critical: "#d7263d",
  unknown: "#8a949e",
};

export const MARK_COLOURS = { incident: "#d7263d", deployment: "#0072b2", flag: "#8c6bb1" } as const;

/** The colour of the nth of several things. */
export function colourOf(place: number): string {
  return PALETTE[place % PALETTE.length] ?? PALETTE[0];
}
