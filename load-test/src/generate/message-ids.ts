import type { Faker } from '@faker-js/faker';

const HEX = '0123456789abcdef';

/**
 * A UUIDv7 of an instant, its random part from `faker`. The time is part of the id, so that a seed used again at another
 * time makes other messages, not the same ids with other timestamps.
 */
export function createUuidV7(faker: Faker, instantMs: number): string {
  const time = Math.floor(instantMs).toString(16).padStart(12, '0');
  const random = faker.string.hexadecimal({ length: 19, casing: 'lower', prefix: '' });
  const variant = HEX[8 + (Number.parseInt(random[3] ?? '0', 16) & 3)] ?? '8';
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7)}`;
}
