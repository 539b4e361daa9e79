import { BlockList, isIPv6 } from 'node:net';

/** Addresses that are not of the public internet (IANA special-purpose registries). */
const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  PRIVATE.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  // Also what stands for an IPv4 address, of whatever network: translated (NAT64, 6to4) or compatible.
  ['::', 96],
  ['64:ff9b::', 96],
  ['2002::', 16],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001:db8::', 32],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  PRIVATE.addSubnet(network, prefix, 'ipv6');
}

/** Whether an IP address is one of a machine's own or of a private network, also written as an IPv6 address. */
export function isPrivateAddress(address: string): boolean {
  // The list itself reads ::ffff:10.0.0.1 as the IPv4 address that it stands for.
  return PRIVATE.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
