/** What is told at the pointer, built of elements: the page's policy refuses styles that are written into HTML. */

export type TooltipRow = { name: string; value: string; colour?: string; note?: string };

/** A title and a row for each thing, as one element. */
export function tooltip(title: string, rows: readonly TooltipRow[], notes: readonly string[] = []): HTMLElement {
  const box = document.createElement("div");
  box.className = "tooltip";
  box.append(child("div", "tooltip-title", title));
  for (const row of rows) {
    const line = child("div", "tooltip-row", "");
    const dot = child("span", "tooltip-dot", "");
    if (row.colour !== undefined) dot.style.background = row.colour;
    line.append(dot, child("span", "tooltip-name", row.name), child("span", "tooltip-value", row.value));
    if (row.note !== undefined) line.append(child("span", "tooltip-note", row.note));
    box.append(line);
  }
  for (const note of notes) box.append(child("div", "tooltip-note", note));
  return box;
}

function child(tag: string, name: string, text: string): HTMLElement {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
}
