import type { Schemas } from "@/api/client";

export type Span = Schemas["SpanItem"];
export type Shown = "all" | "critical" | "failed";

/** Fewer rows than these are all drawn; of more only those in sight. */
export const MOST_DRAWN = 500;

/** Which spans are wanted, in the order of the tree. */
export function spansShown(spans: readonly Span[], shown: Shown): readonly Span[] {
  if (shown === "critical") return spans.filter((span) => span.critical_ms > 0);
  if (shown === "failed") return spans.filter((span) => span.failed);
  return spans;
}

/** The rows to draw, as first and the one after the last. */
export function rowsInSight(count: number, top: number, height: number, row: number): [first: number, end: number] {
  if (count <= MOST_DRAWN) return [0, count];
  const margin = 10;
  const first = Math.max(Math.floor(top / row) - margin, 0);
  return [first, Math.min(Math.ceil((top + height) / row) + margin, count)];
}

/** The row that a key leads to, or none when the key does nothing. */
export function rowAfter(key: string, row: number, count: number, page: number): number | undefined {
  if (count === 0) return undefined;
  const moves: Record<string, number> = {
    ArrowDown: row + 1,
    ArrowUp: row - 1,
    PageDown: row + page,
    PageUp: row - page,
    Home: 0,
    End: count - 1,
  };
  const wanted = moves[key];
  return wanted === undefined ? undefined : Math.min(Math.max(wanted, 0), count - 1);
}

export type Box = {
  index: number;
  frame: Schemas["FlameFrame"];
  depth: number;
  /** Parts of the whole width. */
  left: number;
  width: number;
};

type Node = { index: number; name: string; total: number; children: Map<string, Node> };

/** The frames as boxes upon each other: a child lies within its caller and is as wide as its share of the time. */
export function boxesOf(frames: readonly Schemas["FlameFrame"][]): Box[] {
  const root: Node = { index: -1, name: "", total: 0, children: new Map() };
  frames.forEach((frame, index) => {
    let node = root;
    for (const name of frame.place) {
      const child = node.children.get(name) ?? { index: -1, name, total: 0, children: new Map<string, Node>() };
      node.children.set(name, child);
      node = child;
    }
    node.index = index;
    node.total = frame.total_ms;
  });
  const boxes: Box[] = [];
  laid(root, frames, -1, 0, 1, boxes);
  return boxes;
}

function laid(
  node: Node,
  frames: readonly Schemas["FlameFrame"][],
  depth: number,
  left: number,
  width: number,
  into: Box[],
) {
  const frame = frames[node.index];
  if (frame !== undefined) into.push({ index: node.index, frame, depth, left, width });
  const children = [...node.children.values()].sort((one, other) => widthOf(other) - widthOf(one));
  const sum = children.reduce((all, child) => all + widthOf(child), 0);
  // What runs at the same time takes longer together than its caller: then the children share the width.
  const scale = width / Math.max(sum, node.total, Number.MIN_VALUE);
  let at = left;
  for (const child of children) {
    const share = widthOf(child) * scale;
    laid(child, frames, depth + 1, at, share, into);
    at += share;
  }
}

/** A place without a frame of its own is as wide as what it calls. */
function widthOf(node: Node): number {
  if (node.index >= 0) return node.total;
  return [...node.children.values()].reduce((all, child) => all + widthOf(child), 0);
}
