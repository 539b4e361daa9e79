import {
  fitGeometric,
  geometricActive,
  geometricAlive,
  geometricExpected,
  geometricLogLikelihood,
  type Fit,
  type GeometricDropoutParameters,
  type Purchases,
} from './geometric-dropout.js';
import type { PurchaseRows } from './purchase-rows.js';

/**
 * MBG/NBD: Batislam, Denizel & Filiztekin, Empirical validation and comparison of models for customer base analysis,
 * International Journal of Research in Marketing 24 (2007). As BG/NBD, but one may leave right after the first activity.
 */
export const mbgNbd = {
  fit: (rows: PurchaseRows): Fit<GeometricDropoutParameters> => fitGeometric(rows, 'after_first'),
  logLikelihood: (rows: PurchaseRows, parameters: GeometricDropoutParameters): number =>
    geometricLogLikelihood(rows, parameters, 'after_first'),
  probabilityAlive: (parameters: GeometricDropoutParameters, purchases: Purchases): number =>
    geometricAlive(parameters, purchases, 'after_first'),
  /** P(active at least once in the `horizon` after T). */
  probabilityActive: (
    parameters: GeometricDropoutParameters,
    purchases: Purchases,
    horizon: number,
  ): number => geometricActive(parameters, purchases, horizon, 'after_first'),
  expectedTransactions: (
    parameters: GeometricDropoutParameters,
    purchases: Purchases,
    horizon: number,
  ): number => geometricExpected(parameters, purchases, horizon, 'after_first'),
};
