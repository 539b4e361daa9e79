import { isIP } from 'node:net';

export type IpPolicy = 'truncate' | 'keep' | 'discard';

/**
 * What is kept of an address: all of it, its network (/24 of IPv4, /48 of IPv6), or nothing. What is not an address is
 * never kept.
 */
export function applyIpPolicy(ip: string, policy: IpPolicy): string | undefined {
  const version = isIP(ip);
  if (version === 0 || policy === 'discard') return undefined;
  if (policy === 'keep') return ip;
  return version === 4 ? truncateV4(ip) : truncateV6(ip);
}

function truncateV4(ip: string): string {
  return `${ip.slice(0, ip.lastIndexOf('.'))}.0`;
}

function truncateV6(ip: string): string {
  const withoutZone = ip.split('%', 1)[0] ?? '';
  const embedded = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(withoutZone);
  if (embedded !== null) return `::ffff:${truncateV4(embedded[1]!)}`;
  const [head = '', tail] = withoutZone.split('::', 2);
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const after = tail === '' ? [] : tail.split(':');
    // A dotted tail is two groups.
    const width = groups.length + after.length + (after.at(-1)?.includes('.') === true ? 1 : 0);
    groups.push(...Array.from({ length: Math.max(0, 8 - width) }, () => '0'), ...after);
  }
  const kept = groups.slice(0, 3).map((group) => parseInt(group, 16).toString(16));
  while (kept.at(-1) === '0') kept.pop();
  return `${kept.join(':')}::`;
}
