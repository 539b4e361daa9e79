import { createGeometricModel } from './geometric-dropout.js';

/**
 * BG/NBD: Fader, Hardie & Lee, "Counting your customers" the easy way, Marketing Science 24 (2005). Whoever never came back
 * is certainly still there in it; use `probabilityActive`, not `probabilityAlive`, to tell who churns.
 */
export const bgNbd = createGeometricModel('after_second');
