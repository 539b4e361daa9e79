/** Nodes and weights on [−1, 1] of the rule of Gauss and Legendre: roots of Legendre's polynomial by Newton's method. */
export function gaussLegendre(points: number): { nodes: Float64Array; weights: Float64Array } {
  const nodes = new Float64Array(points);
  const weights = new Float64Array(points);
  for (let i = 0; i < points; i += 1) {
    let x = Math.cos((Math.PI * (i + 0.75)) / (points + 0.5));
    let derivative = 0;
    for (let step = 0; step < 50; step += 1) {
      let [before, value] = [1, x];
      for (let n = 2; n <= points; n += 1) {
        [before, value] = [value, ((2 * n - 1) * x * value - (n - 1) * before) / n];
      }
      derivative = (points * (x * value - before)) / (x * x - 1);
      const move = value / derivative;
      x -= move;
      if (Math.abs(move) < 1e-15) break;
    }
    nodes[i] = x;
    weights[i] = 2 / ((1 - x * x) * derivative * derivative);
  }
  return { nodes, weights };
}

export const GAUSS_16 = gaussLegendre(16);

/** Integral of a smooth function, by 16 points. */
export function integrate(from: number, to: number, valueAt: (x: number) => number): number {
  const half = (to - from) / 2;
  let sum = 0;
  for (let i = 0; i < 16; i += 1) {
    sum += GAUSS_16.weights[i]! * valueAt(from + half * (1 + GAUSS_16.nodes[i]!));
  }
  return half * sum;
}
