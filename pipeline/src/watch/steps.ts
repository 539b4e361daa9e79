/**
 * The steps of a slice of a watch, in order. A process that ends between any two of them resumes to the same points, flags
 * and notifications; tests end it there.
 *
 * 1 asked              the numbers of the slice are there, nothing is stored
 * 2 judged             what the monitors say of them is known
 * 3 fenced             the next bucket of every series is moved on in the open transaction; a second watcher waits here, then
 *                      gives up
 * 4 points-written     bands and numbers are written
 * 5 anomalies-written  flags and what tells of them are written
 * 6 committed          all of the above holds
 */
export type WatchStep = 'asked' | 'judged' | 'fenced' | 'points-written' | 'anomalies-written' | 'committed';

/** Called after each step of each slice; the work waits for it. */
export type OnWatchStep = (step: WatchStep) => Promise<void> | void;
