import { NativeSelect, Select, SimpleGrid } from "@mantine/core";
import { Typed } from "@/app/form";
import { useState } from "react";
import { type PanelTerms, useIndicators } from "@/pages/panels/drawn";

const CHARTS = ["line", "area", "bars", "number"] as const;
const MOST_OFFERED = 60;

type Props = { terms: PanelTerms; change: (terms: PanelTerms) => void };

/** What a panel shows: an indicator, which member of it, and as what. */
export function PanelFields({ terms, change }: Props) {
  const indicators = useIndicators().data?.items ?? [];
  const chosen = indicators.find(({ id }) => id === terms.indicator);
  const groups = chosen?.group_by ?? [];
  return (
    <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="xs">
      <Select
        size="xs"
        label="Indicator"
        placeholder="Type to search"
        searchable
        limit={MOST_OFFERED}
        data={indicators.map(({ id, sentence }) => ({ value: id, label: `${id}: ${sentence}` }))}
        value={terms.indicator === "" ? null : terms.indicator}
        onChange={(indicator) => change({ ...terms, indicator: indicator ?? "", member: "" })}
        nothingFoundMessage="No indicator is called that."
      />
      <Member
        key={`${terms.indicator} ${terms.member}`}
        value={terms.member}
        hint={groups.length === 0 ? "it has no members" : `of its ${groups.join(", ")}; empty: all`}
        change={(member) => change({ ...terms, member })}
      />
      <NativeSelect
        size="xs"
        label="Shown as"
        data={[...CHARTS]}
        value={terms.chart}
        onChange={(event) => change({ ...terms, chart: CHARTS[event.currentTarget.selectedIndex] ?? "line" })}
      />
    </SimpleGrid>
  );
}

/** The member is taken when it is whole, not at each letter: each would be asked for. */
function Member({ value, hint, change }: { value: string; hint: string; change: (member: string) => void }) {
  const [text, setText] = useState(value);
  const done = () => {
    if (text.trim() !== value) change(text.trim());
  };
  return (
    <Typed
      label="Member"
      placeholder={hint}
      value={text}
      onText={(text) => setText(text)}
      onBlur={done}
      onKeyDown={(event) => {
        if (event.key === "Enter") {
          event.preventDefault();
          done();
        }
      }}
    />
  );
}
