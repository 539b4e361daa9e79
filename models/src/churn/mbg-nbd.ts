import { createGeometricModel } from './geometric-dropout.js';

/**
 * MBG/NBD: Batislam, Denizel & Filiztekin, Empirical validation and comparison of models for customer base analysis,
 * International Journal of Research in Marketing 24 (2007). As BG/NBD, but one may leave right after the first activity.
 */
export const mbgNbd = createGeometricModel('after_first');
