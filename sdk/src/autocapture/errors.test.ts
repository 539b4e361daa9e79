import { describe, expect, it } from 'vitest';
import { redactUrl } from '../core/redaction.js';
import { describeError, redactText } from './errors.js';

describe('describeError', () => {
  const event = { message: 'Uncaught TypeError: x', filename: 'https://a/app.js', lineno: 3, colno: 7 };

  it('tells of what was thrown, and where', () => {
    const error = new TypeError('x is not a function');
    expect(describeError({ ...event, error })).toEqual({
      kind: 'error',
      name: 'TypeError',
      message: 'x is not a function',
      source: 'https://a/app.js',
      line: 3,
      column: 7,
      stack: error.stack,
    });
  });

  it('uses what the browser says when something other than an error was thrown', () => {
    expect(describeError({ ...event, message: 'Uncaught 42', error: 42 })).toMatchObject({
      name: 'Error',
      message: 'Uncaught 42',
      stack: undefined,
    });
  });

  it('tells of a rejection with an error, a text or nothing', () => {
    expect(describeError({ reason: new RangeError('far') })).toMatchObject({
      kind: 'rejection',
      name: 'RangeError',
      message: 'far',
    });
    expect(describeError({ reason: 'no' })?.message).toBe('no');
    expect(describeError({ reason: undefined })?.message).toBe('undefined');
  });

  it('tells of an object no more than that it is one', () => {
    expect(describeError({ reason: { password: 'secret' } })?.message).toBe('[object Object]');
  });

  it('cuts long texts', () => {
    const error = new Error('m'.repeat(10_000));
    const caught = describeError({ ...event, error })!;
    expect(caught.message).toHaveLength(512);
    expect(caught.stack).toHaveLength(2_048);
  });

  it('passes over elements that did not load, and the remark on ResizeObserver', () => {
    expect(describeError({} as never)).toBeUndefined();
    expect(
      describeError({ ...event, message: 'ResizeObserver loop limit exceeded', error: null }),
    ).toBeUndefined();
  });
});

describe('redactText', () => {
  it('takes secrets out of the addresses in a text, and out of its words, and keeps its lines', () => {
    const text =
      'No user ada@example.com\n  at f (https://a.example/x.js?token=abc)\n  at https://b.example/y.js:2:3';
    expect(redactText(text, redactUrl)).toBe(
      'No user [redacted]\n  at f (https://a.example/x.js?token=[redacted]\n  at https://b.example/y.js:2:3',
    );
  });
});
