export interface Minimum {
  at: Float64Array;
  value: number;
  evaluations: number;
  /** False: it stopped at the limit of steps, not at a minimum. */
  isConverged: boolean;
}

/**
 * Least value of a smooth function by BFGS with a backtracking line search (Nocedal & Wright, Numerical Optimization, 2nd ed.,
 * algorithms 6.1 and 3.1).
 *
 * @param evaluate gives the value at a point and writes its gradient; what is not finite is stepped away from
 * @param tolerance largest slope that counts as flat. Default 1e-8
 */
export function minimise(
  evaluate: (at: Float64Array, gradient: Float64Array) => number,
  start: readonly number[],
  { maxSteps = 200, tolerance = 1e-8 }: { maxSteps?: number; tolerance?: number } = {},
): Minimum {
  const size = start.length;
  let at = Float64Array.from(start);
  let gradient = new Float64Array(size);
  let value = evaluate(at, gradient);
  let evaluations = 1;
  let inverse = identity(size);
  let isFresh = true;
  let stalls = 0;
  let nextAt = new Float64Array(size);
  let nextGradient = new Float64Array(size);
  const direction = new Float64Array(size);

  for (let step = 0; step < maxSteps; step += 1) {
    if (largest(gradient) < tolerance) return { at, value, evaluations, isConverged: true };

    let slope = 0;
    for (let i = 0; i < size; i += 1) {
      let sum = 0;
      for (let j = 0; j < size; j += 1) sum -= inverse[i * size + j]! * gradient[j]!;
      direction[i] = sum;
      slope += sum * gradient[i]!;
    }
    if (!(slope < 0)) {
      inverse = identity(size);
      for (let i = 0; i < size; i += 1) direction[i] = -gradient[i]!;
      slope = -dot(gradient, gradient);
      isFresh = true;
    }
    // Parameters are logarithms: no step changes one by more than e².
    let length = Math.min(1, 2 / largest(direction));
    let nextValue = Number.NaN;
    let isLower = false;
    for (let trial = 0; trial < 40 && !isLower; trial += 1, length *= isLower ? 1 : 0.5) {
      for (let i = 0; i < size; i += 1) nextAt[i] = at[i]! + length * direction[i]!;
      nextValue = evaluate(nextAt, nextGradient);
      evaluations += 1;
      isLower = nextValue <= value + 1e-4 * length * slope && Number.isFinite(nextValue);
    }
    if (!isLower) {
      // Nothing lower along the way: either rounding is all that is left, or the curvature learned is wrong.
      if (isFresh) return { at, value, evaluations, isConverged: largest(gradient) < 1e3 * tolerance };
      inverse = identity(size);
      isFresh = true;
      continue;
    }
    updateInverse(inverse, at, nextAt, gradient, nextGradient, isFresh);
    isFresh = false;
    // Along a flat valley the slope may never get as small as asked; what is left to gain is below rounding.
    stalls = value - nextValue > 1e-13 * (1 + Math.abs(value)) ? 0 : stalls + 1;
    value = nextValue;
    [at, nextAt] = [nextAt, at];
    [gradient, nextGradient] = [nextGradient, gradient];
    if (stalls >= 3) break;
  }
  return { at, value, evaluations, isConverged: largest(gradient) < 1e3 * tolerance };
}

function updateInverse(
  inverse: Float64Array,
  at: Float64Array,
  nextAt: Float64Array,
  gradient: Float64Array,
  nextGradient: Float64Array,
  isFresh: boolean,
): void {
  const size = at.length;
  const moved = new Float64Array(size);
  const turned = new Float64Array(size);
  for (let i = 0; i < size; i += 1) {
    moved[i] = nextAt[i]! - at[i]!;
    turned[i] = nextGradient[i]! - gradient[i]!;
  }
  const curvature = dot(moved, turned);
  if (!(curvature > 1e-14 * Math.sqrt(dot(moved, moved) * dot(turned, turned)))) return;
  if (isFresh) {
    const scale = curvature / dot(turned, turned);
    for (let i = 0; i < size; i += 1) inverse[i * size + i] = scale;
  }
  const product = new Float64Array(size);
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j < size; j += 1) product[i]! += inverse[i * size + j]! * turned[j]!;
  }
  const factor = (1 + dot(turned, product) / curvature) / curvature;
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j < size; j += 1) {
      inverse[i * size + j]! +=
        factor * moved[i]! * moved[j]! - (product[i]! * moved[j]! + moved[i]! * product[j]!) / curvature;
    }
  }
}

function identity(size: number): Float64Array {
  const matrix = new Float64Array(size * size);
  for (let i = 0; i < size; i += 1) matrix[i * size + i] = 1;
  return matrix;
}

function dot(one: Float64Array, other: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < one.length; i += 1) sum += one[i]! * other[i]!;
  return sum;
}

function largest(vector: Float64Array): number {
  let size = 0;
  for (const part of vector) size = Math.max(size, Math.abs(part));
  return size;
}
