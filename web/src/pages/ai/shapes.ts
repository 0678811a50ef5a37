import type { Schemas } from "@/api/client";

type Model = Schemas["AiSystemsModelsRow"];
export type Bin = {
  model: string;
  confidence_from: number;
  confidence_mean: number | null;
  correct_ratio: number | null;
  correct_low: number | null;
  correct_high: number | null;
  samples: number;
};

const KINDS = [
  ["input_tokens", "input"],
  ["cache_read_tokens", "of it read from cache"],
  ["cache_write_tokens", "of it written to cache"],
  ["output_tokens", "output"],
  ["reasoning_tokens", "of it reasoning"],
] as const;

/** A bar for each model, and beside each other what its tokens are. Parts of the input are no sum with it. */
export function tokensOf(models: readonly Model[]) {
  const categories = models.map((model) => model.model);
  const groups = KINDS.map(([field, name]) => ({ name, values: models.map((model) => model[field]) }));
  return { categories, groups };
}

/** A curve for the consensus and for each model, its bins from unsure to sure. */
export function curvesOf(rows: readonly Bin[]) {
  return [...new Set(rows.map((row) => row.model))].map((name) => ({
    name,
    bins: rows
      .filter((row) => row.model === name && row.confidence_mean !== null)
      .sort((a, b) => a.confidence_from - b.confidence_from)
      .map((row) => ({
        said: row.confidence_mean ?? 0,
        true_: row.correct_ratio,
        low: row.correct_low,
        high: row.correct_high,
        samples: row.samples,
      })),
  }));
}
