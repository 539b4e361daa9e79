/**
 * A value with its unit, as short as Grafana writes it. Stands alone: it is also used within a page.
 */
export function formatValue(value: number, unit: string, decimals?: number): string {
  const plain = (number: number): string => {
    if (decimals !== undefined) return number.toFixed(decimals);
    const size = Math.abs(number);
    if (size === 0) return '0';
    return String(
      Number(number.toPrecision(size >= 100 ? Math.max(3, Math.floor(Math.log10(size)) + 1) : 3)),
    );
  };
  const scaled = (steps: readonly (readonly [least: number, name: string])[]): string => {
    const [least, name] = steps.find(([from]) => Math.abs(value) >= from) ?? steps[steps.length - 1]!;
    return `${plain(value / least)}${name}`;
  };
  switch (unit) {
    case 's':
      return value === 0
        ? '0 s'
        : scaled([
            [86_400, ' d'],
            [3_600, ' h'],
            [60, ' min'],
            [1, ' s'],
            [1e-3, ' ms'],
            [1e-6, ' µs'],
          ]);
    case 'bytes':
    case 'Bps': {
      const suffix = unit === 'Bps' ? '/s' : '';
      return `${scaled([
        [1_073_741_824, ' GiB'],
        [1_048_576, ' MiB'],
        [1_024, ' KiB'],
        [1, ' B'],
      ])}${suffix}`;
    }
    case 'percentunit':
      return `${decimals === undefined ? plain(value * 100) : (value * 100).toFixed(decimals)} %`;
    case 'short':
      return scaled([
        [1e6, ' M'],
        [1e3, ' K'],
        [1, ''],
      ]);
    case 'cps':
    case 'reqps':
      return `${scaled([
        [1e3, ' K'],
        [1, ''],
      ])}/s`;
    default:
      return plain(value);
  }
}
