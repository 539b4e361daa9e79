import type { createRandom } from '@sluice/models/random';

type Random = ReturnType<typeof createRandom>;

/** A Poisson count with this mean; with a dispersion, a negative binomial one: variance mean + dispersion·mean². */
export function drawCount(random: Random, mean: number, dispersion: number): number {
  if (mean <= 0) return 0;
  return drawPoisson(random, dispersion === 0 ? mean : mean * dispersion * drawGamma(random, 1 / dispersion));
}

/** Small means by multiplication (Knuth), large ones halved by a Gamma variate (Ahrens and Dieter 1974). */
function drawPoisson(random: Random, mean: number): number {
  if (mean > 30) {
    const size = Math.floor((mean * 7) / 8);
    const reached = drawGamma(random, size);
    return reached > mean
      ? drawBinomial(random, size - 1, mean / reached)
      : size + drawPoisson(random, mean - reached);
  }
  const limit = Math.exp(-mean);
  let count = -1;
  for (let product = 1; product > limit; count++) product *= random();
  return count;
}

function drawBinomial(random: Random, trials: number, probability: number): number {
  let count = 0;
  for (let i = 0; i < trials; i++) if (random() < probability) count++;
  return count;
}

/** Marsaglia and Tsang 2000. */
function drawGamma(random: Random, shape: number): number {
  if (shape < 1) return drawGamma(random, shape + 1) * (1 - random()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = drawNormal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

function drawNormal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
