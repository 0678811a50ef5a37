import { useParams } from "@tanstack/react-router";
import { useHere } from "@/app/range";
import { Board } from "@/pages/panels/board";
import { Boards } from "@/pages/panels/boards";
import { Editor } from "@/pages/panels/editor";

export function View() {
  const { viewId }: { viewId?: string } = useParams({ strict: false });
  const { edit } = useHere();
  if (viewId !== undefined) return <Board id={Number(viewId)} edits={edit === "1"} />;
  return edit === "new" ? <Editor /> : <Boards />;
}
