/**
 * What a page does not need in its first moment, as a chunk of its own. Until it is there messages go to the journal, and
 * where it does not come the journal does its work.
 */
export { gzip } from './gzip.js';
export { openDatabase } from './indexed-db.js';
export { joinTabs } from './tabs.js';
