import type { QueryAnswer, SavedFormat } from '@sluice/contracts';
import { tableOf } from './table-of.js';
import { writeCsv } from './write-csv.js';
import { writeNdjson } from './write-ndjson.js';
import { writeParquet } from './write-parquet.js';

interface AnswerForm {
  contentType: string;
  write(answer: Exclude<QueryAnswer, { kind: 'estimate' }>): string | Buffer;
}

/** How an answer is written in each format. */
export const ANSWER_FORMS: Readonly<Record<SavedFormat, AnswerForm>> = {
  json: { contentType: 'application/json; charset=utf-8', write: (answer) => JSON.stringify(answer) },
  csv: {
    contentType: 'text/csv; charset=utf-8; header=present',
    write: (answer) => writeCsv(tableOf(answer)),
  },
  ndjson: {
    contentType: 'application/x-ndjson; charset=utf-8',
    write: (answer) => writeNdjson(tableOf(answer)),
  },
  parquet: {
    contentType: 'application/vnd.apache.parquet',
    write: (answer) =>
      writeParquet(tableOf(answer), {
        'sluice.query': JSON.stringify(answer.query),
        'sluice.complete_through': answer.complete_through ?? 'unknown',
        'sluice.definition': answer.definition,
      }),
  },
};
