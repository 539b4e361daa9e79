/** A table in Markdown. Cells hold no line breaks; bars in them are escaped. */
export function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cellText).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function cellText(text: string): string {
  return text.replaceAll('\n', ' ').replaceAll('|', '\\|');
}

export function codeText(text: string): string {
  return `\`${text}\``;
}
