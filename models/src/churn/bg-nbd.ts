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
 * BG/NBD: Fader, Hardie & Lee, "Counting your customers" the easy way, Marketing Science 24 (2005). Whoever never came back
 * is certainly still there in it; use `probabilityActive`, not `probabilityAlive`, to tell who churns.
 */
export const bgNbd = {
  fit: (rows: PurchaseRows): Fit<GeometricDropoutParameters> => fitGeometric(rows, 'after_second'),
  logLikelihood: (rows: PurchaseRows, parameters: GeometricDropoutParameters): number =>
    geometricLogLikelihood(rows, parameters, 'after_second'),
  probabilityAlive: (parameters: GeometricDropoutParameters, purchases: Purchases): number =>
    geometricAlive(parameters, purchases, 'after_second'),
  /** P(active at least once in the `horizon` after T). */
  probabilityActive: (
    parameters: GeometricDropoutParameters,
    purchases: Purchases,
    horizon: number,
  ): number => geometricActive(parameters, purchases, horizon, 'after_second'),
  expectedTransactions: (
    parameters: GeometricDropoutParameters,
    purchases: Purchases,
    horizon: number,
  ): number => geometricExpected(parameters, purchases, horizon, 'after_second'),
};
