import type { Snapshot } from './snapshot.js';
import { emptyHistory } from './history.js';
import { minimise } from './minimise.js';
import { pullBack } from './geometric-dropout.js';
import { digamma, logGamma } from './special-functions.js';

/**
 * Gamma-gamma model of spending (Fader & Hardie, The gamma-gamma model of monetary value, note 2013): what a person spends on
 * a day is Gamma(p, rate ν), with ν ~ Gamma(q, rate gamma) over people. It supposes that who comes often does not spend more
 * each time.
 */
export interface GammaGammaParameters {
  p: number;
  q: number;
  /** In the currency of the values. */
  gamma: number;
  /** Mean spent a day on which something was bought, over all people. */
  meanValue: number;
  /** Days with money a day of activity, over all people. */
  buyingShare: number;
  people: number;
}

const MIN_BUYERS = 20;

/**
 * Fits the spending of those who bought. Null: fewer than 20 people did, and there is nothing to tell.
 *
 * ln L of mean z over n days: ln Γ(pn+q) − ln Γ(pn) − ln Γ(q) + q ln γ + (pn−1) ln z + pn ln n − (pn+q) ln(γ + nz).
 */
export function fitGammaGamma(snapshot: Snapshot): GammaGammaParameters | null {
  const history = emptyHistory();
  const days: number[] = [];
  const means: number[] = [];
  let [value, valueDays, activeDays] = [0, 0, 0];
  for (let row = 0; row < snapshot.people; row += 1) {
    snapshot.read(row, history);
    activeDays += history.repeats + 1;
    if (!(history.valueDays > 0 && history.value > 0)) continue;
    value += history.value;
    valueDays += history.valueDays;
    days.push(history.valueDays);
    means.push(history.value / history.valueDays);
  }
  if (means.length < MIN_BUYERS) return null;
  const meanValue = value / valueDays;

  const minimum = minimise(
    (at, gradient) => {
      const [p, q, gamma] = [Math.exp(at[0]!), Math.exp(at[1]!), Math.exp(at[2]!)];
      let [sum, byP, byQ, byGamma] = [0, 0, 0, 0];
      for (let i = 0; i < means.length; i += 1) {
        const n = days[i]!;
        const z = means[i]! / meanValue;
        const pn = p * n;
        const logTotal = Math.log(gamma + n * z);
        sum +=
          logGamma(pn + q) -
          logGamma(pn) -
          logGamma(q) +
          q * at[2]! +
          (pn - 1) * Math.log(z) +
          pn * Math.log(n) -
          (pn + q) * logTotal;
        const both = digamma(pn + q);
        byP += n * (both - digamma(pn) + Math.log(z) + Math.log(n) - logTotal);
        byQ += both - digamma(q) + at[2]! - logTotal;
        byGamma += q / gamma - (pn + q) / (gamma + n * z);
      }
      gradient[0] = (-byP * p) / means.length;
      gradient[1] = (-byQ * q) / means.length;
      gradient[2] = (-byGamma * gamma) / means.length;
      return -sum / means.length + pullBack(at, gradient);
    },
    [0, Math.log(3), Math.log(2)],
  );
  return {
    p: Math.exp(minimum.at[0]!),
    q: Math.exp(minimum.at[1]!),
    gamma: Math.exp(minimum.at[2]!) * meanValue,
    meanValue,
    buyingShare: valueDays / activeDays,
    people: means.length,
  };
}

/**
 * Expected money of one more day of activity of a person: what the model expects of a day with money,
 * p(γ + nz)/(pn + q − 1), with pγ/(q − 1) no more than what is spent on average, times the person's share of such days, drawn towards everybody's by the weight of two days.
 */
export function expectedDayValue(
  parameters: GammaGammaParameters,
  history: { value: number; valueDays: number; repeats: number },
): number {
  const { p, q, gamma, meanValue, buyingShare } = parameters;
  const weight = p * history.valueDays + q - 1;
  // Without a past the mean of the model is pγ/(q−1). It has none for q ≤ 1, and just above it is any size: then, what was
  // spent on average stands in.
  const spent =
    q > 1
      ? (p * history.value + Math.min(p * gamma, (q - 1) * meanValue)) / weight
      : (2 * meanValue + history.value) / (2 + history.valueDays);
  const share = (2 * buyingShare + history.valueDays) / (2 + history.repeats + 1);
  return spent * share;
}
