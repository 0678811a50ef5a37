import { cleanup, fireEvent, render } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { useKeys, type Keys } from "@/app/keyboard";

afterEach(cleanup);

function Listening({ keys }: { keys: Keys }) {
  useKeys(keys);
  return <input aria-label="text" />;
}

function press(...keys: string[]) {
  for (const key of keys) fireEvent.keyDown(document.body, { key });
}

function listening() {
  const keys = { single: { "?": vi.fn() }, sequences: { e: vi.fn(), g: vi.fn() } };
  return { keys, ...render(<Listening keys={keys} />) };
}

test("a key alone, and a key after g", () => {
  const { keys } = listening();
  press("?");
  expect(keys.single["?"]).toHaveBeenCalledTimes(1);
  press("e");
  expect(keys.sequences.e).not.toHaveBeenCalled();
  press("g", "e");
  expect(keys.sequences.e).toHaveBeenCalledTimes(1);
  press("e");
  expect(keys.sequences.e).toHaveBeenCalledTimes(1);
  press("g", "g");
  expect(keys.sequences.g).toHaveBeenCalledTimes(1);
});

test("whoever types is left alone, and so are the browser's own keys", () => {
  const { keys, getByLabelText } = listening();
  fireEvent.keyDown(getByLabelText("text"), { key: "?" });
  fireEvent.keyDown(document.body, { key: "?", ctrlKey: true });
  expect(keys.single["?"]).not.toHaveBeenCalled();
});
