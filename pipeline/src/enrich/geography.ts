import { open, type CityResponse, type Reader } from 'maxmind';

export interface Place {
  /** ISO 3166-1 code. */
  country?: string;
  region?: string;
  city?: string;
}

/** Where an address is; an empty place when nothing is known. */
export type Locate = (ip: string) => Place;

export const locateNowhere: Locate = () => ({});

/** Reads a MaxMind city or country database (`.mmdb`) into memory. Rejects when the file is missing or not one. */
export async function openGeography(path: string): Promise<Locate> {
  const reader = await open<CityResponse>(path, { cache: { max: 10_000 } });
  return (ip) => placeOf(reader, ip);
}

function placeOf(reader: Reader<CityResponse>, ip: string): Place {
  const found = reader.get(ip);
  if (found === null) return {};
  const place: Place = {};
  const country = found.country?.iso_code ?? found.registered_country?.iso_code;
  if (country !== undefined) place.country = country;
  const region = found.subdivisions?.[0];
  if (region !== undefined) place.region = region.names.en;
  if (found.city !== undefined) place.city = found.city.names.en;
  return place;
}
