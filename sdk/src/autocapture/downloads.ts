import type { CaptureModule } from '../core/types.js';
import { isOnWeb, linkOfClick } from './link-of-click.js';
import { listen } from './listen.js';

/** Endings of the last part of an address that are taken for files. */
export const DOWNLOAD_EXTENSIONS =
  'pdf xls xlsx csv doc docx ppt pptx odt ods odp rtf txt epub mobi zip rar 7z gz tgz tar dmg pkg exe msi deb rpm apk iso mp3 wav m4a flac mp4 mov avi mkv webm wmv';

export interface DownloadsOptions {
  /** Replaces the list of endings, without dots. */
  extensions?: readonly string[];
}

/**
 * Sends `File Downloaded` with `url`, `fileName` and `extension` for each click, also with the middle button, on a link
 * with a `download` attribute or to a file. The link itself is left to the browser.
 */
export function downloads({
  extensions = DOWNLOAD_EXTENSIONS.split(' '),
}: DownloadsOptions = {}): CaptureModule {
  return (host) =>
    listen(['click', 'auxclick'], (event) => {
      const link = linkOfClick(event);
      if (link === undefined) return;
      const fileName = link.download || fileNameOf(link.pathname);
      const extension = extensionOf(fileName);
      if (!link.hasAttribute('download') && !(isOnWeb(link) && extensions.includes(extension))) return;
      // What the page made itself has an address that says nothing to others, and may hold all of the file.
      const url = isOnWeb(link) ? host.redactUrl(link.href) : undefined;
      host.analytics.track('File Downloaded', { url, fileName, extension });
    });
}

/** `pdf` of `Report.PDF`; '' when there is none. */
export function extensionOf(fileName: string): string {
  return (/\.(\w+)$/.exec(fileName)?.[1] ?? '').toLowerCase();
}

/** The last part of a path as people read it. */
export function fileNameOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
