import { describe, expect, test } from 'vitest';
import { fitLogistic, logisticScore, type LogisticInput } from './logistic.js';
import { createRandom } from '../random/index.js';
import { logistic } from './special-functions.js';

function simulated(rows: number): LogisticInput {
  const random = createRandom(5);
  const features = new Float64Array(rows * 3);
  const happened = new Uint8Array(rows);
  for (let row = 0; row < rows; row += 1) {
    const [x, y] = [10 * random() - 5, 200 + 40 * random()];
    features.set([x, y, 7], row * 3);
    happened[row] = random() < logistic(0.5 * x - 0.03 * (y - 220) - 1) ? 1 : 0;
  }
  return { names: ['x', 'y', 'always_the_same'], features, happened };
}

describe('fitLogistic', () => {
  const input = simulated(20_000);

  test('the odds that made the cases are found again', () => {
    const model = fitLogistic(input);
    const slopes = model.weights.map((weight, i) => weight / model.scales[i]!);
    expect(slopes[0]).toBeCloseTo(0.5, 1);
    expect(slopes[1]).toBeCloseTo(-0.03, 2);
    expect(slopes[2]).toBeCloseTo(0, 6);
    expect(Math.abs(logisticScore(model, Float64Array.of(2, 220, 7)))).toBeLessThan(0.1);
  });

  test('its probabilities add up to what happened, as the intercept is free', () => {
    const model = fitLogistic({ ...input, ridge: 500 });
    let [predicted, happened] = [0, 0];
    for (let row = 0; row < input.happened.length; row += 1) {
      predicted += logistic(logisticScore(model, input.features, row * 3));
      happened += input.happened[row]!;
    }
    expect(predicted).toBeCloseTo(happened, 2);
  });

  test('with few cases a strong ridge leaves the weights at the prior', () => {
    const model = fitLogistic({ ...input, ridge: 1e9, prior: [2, 0, 0] });
    expect(model.weights[0]! / model.scales[0]!).toBeCloseTo(2, 3);
    expect(model.weights[1]! / model.scales[1]!).toBeCloseTo(0, 3);
  });

  test('it ends at the same place wherever it starts, and a weight of 2 is the case twice', () => {
    const model = fitLogistic(input);
    const start = { ...model, weights: [9, -9, 3], intercept: 5 };
    const twice = fitLogistic({ ...input, weights: new Float64Array(20_000).fill(2), ridge: 2, start });
    for (const [i, weight] of model.weights.entries()) expect(twice.weights[i]).toBeCloseTo(weight, 4);
  });

  test('cases that a line parts entirely still have an answer', () => {
    const model = fitLogistic({
      names: ['x'],
      features: Float64Array.from({ length: 200 }, (_, i) => i - 99.5),
      happened: Uint8Array.from({ length: 200 }, (_, i) => (i >= 100 ? 1 : 0)),
    });
    expect(model.weights[0]).toBeGreaterThan(1);
    expect(Number.isFinite(model.weights[0])).toBe(true);
  });
});
