/** Something that a page says and that is not so. */
export interface Finding {
  page: string;
  line: number;
  what: string;
}

export function findingText({ page, line, what }: Finding): string {
  return `${page}:${line}: ${what}`;
}
