import { describe, expect, it } from 'vitest';
import { extensionOf, fileNameOf } from './downloads.js';

describe('extensionOf', () => {
  it.each([
    ['Report.PDF', 'pdf'],
    ['backup.tar.gz', 'gz'],
    ['no-extension', ''],
    ['', ''],
    ['.', ''],
  ])('of %j is %j', (fileName, extension) => {
    expect(extensionOf(fileName)).toBe(extension);
  });
});

describe('fileNameOf', () => {
  it('is the last part of a path, as people read it', () => {
    expect(fileNameOf('/files/price%20list.pdf')).toBe('price list.pdf');
    expect(fileNameOf('/')).toBe('');
  });

  it('leaves a name that is not rightly encoded as it is', () => {
    expect(fileNameOf('/100%.pdf')).toBe('100%.pdf');
  });
});
