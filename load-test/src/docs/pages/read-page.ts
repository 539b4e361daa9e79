import GithubSlugger from 'github-slugger';
import MarkdownIt, { type Token } from 'markdown-it';
import { readAnnotation, type Annotation } from './annotation.js';

/** A fenced block of code. */
export interface Block {
  /** Of the fence, from 1. */
  line: number;
  /** The first word behind the fence, lower case; empty when there is none. */
  language: string;
  code: string;
  annotation: Annotation | undefined;
  /** The block that stands directly before it, with nothing but blank lines and a comment between them. */
  follows: Block | undefined;
}

/** Something in a line of the page. */
export interface Found {
  line: number;
  text: string;
}

export interface Page {
  /** Relative to the root of the repository, with forward slashes. */
  path: string;
  blocks: Block[];
  /** Targets of links and images. */
  links: Found[];
  /** Inline code. */
  spans: Found[];
  /** Names that a link can lead to, as GitHub makes them of headings, and ids of HTML elements. */
  anchors: Set<string>;
}

const markdown = new MarkdownIt({ html: true });

/**
 * Reads a page as GitHub shows it.
 * @throws Error when a comment of ours cannot be understood, with the line.
 */
export function readPage(path: string, text: string): Page {
  const page: Page = { path, blocks: [], links: [], spans: [], anchors: new Set() };
  const slugger = new GithubSlugger();
  let annotation: Annotation | undefined;
  let before: Block | undefined;
  let line = 1;
  const tokens = markdown.parse(text, {});
  for (const [index, token] of tokens.entries()) {
    if (token.map !== null) line = token.map[0] + 1;
    if (token.type === 'html_block') {
      annotation = readAnnotation(token.content, `${path}:${line}`) ?? annotation;
      for (const [, id] of token.content.matchAll(/\bid="([^"]+)"/g)) page.anchors.add(id!);
      continue;
    }
    if (token.type === 'fence') {
      const block: Block = {
        line,
        language: (/^\S*/.exec(token.info.trim())?.[0] ?? '').toLowerCase(),
        code: token.content,
        annotation,
        follows: before,
      };
      page.blocks.push(block);
      before = block;
      annotation = undefined;
      continue;
    }
    before = undefined;
    if (token.type !== 'inline') continue;
    annotation = undefined;
    readInline(token, line, page);
    if (tokens[index - 1]?.type === 'heading_open') page.anchors.add(slugger.slug(plainText(token)));
  }
  return page;
}

function readInline(token: Token, firstLine: number, page: Page): void {
  let line = firstLine;
  for (const child of token.children ?? []) {
    if (child.type === 'softbreak' || child.type === 'hardbreak') line++;
    if (child.type === 'code_inline') page.spans.push({ line, text: child.content });
    const target = child.attrGet(child.type === 'image' ? 'src' : 'href');
    if (target !== null && (child.type === 'link_open' || child.type === 'image')) {
      page.links.push({ line, text: String(target) });
    }
    if (child.type === 'html_inline') {
      for (const [, id] of child.content.matchAll(/\bid="([^"]+)"/g)) page.anchors.add(id!);
    }
  }
}

function plainText(token: Token): string {
  return (token.children ?? [])
    .filter(({ type }) => type === 'text' || type === 'code_inline')
    .map(({ content }) => content)
    .join('');
}
