/**
 * The rows of a section in the form that the page wants of them. The API's description says which columns there are, but
 * not what they hold where they are computed: here, and nowhere else, that is taken on trust.
 */
export function rowsAs<T extends object>(section: { items: readonly object[] } | null | undefined): T[] {
  return (section?.items ?? []) as T[];
}
