import type { Faker } from '@faker-js/faker';

export interface Product {
  sku: string;
  name: string;
  category: string;
  /** In the shop's main currency. */
  price: number;
  slug: string;
}

export interface Film {
  videoId: string;
  title: string;
  durationSeconds: number;
}

/** What the imagined shop sells and shows. */
export interface Catalogue {
  products: readonly Product[];
  films: readonly Film[];
  searchTerms: readonly string[];
}

const PRODUCT_COUNT = 60;
const FILM_COUNT = 20;

export function createCatalogue(faker: Faker): Catalogue {
  const products = Array.from({ length: PRODUCT_COUNT }, (_, index): Product => {
    const name = faker.commerce.productName();
    return {
      sku: `SKU-${String(index + 1).padStart(4, '0')}`,
      name,
      category: faker.commerce.department(),
      price: Number(faker.commerce.price({ min: 4, max: 320, dec: 2 })),
      slug: faker.helpers.slugify(name).toLowerCase(),
    };
  });
  const films = Array.from({ length: FILM_COUNT }, (_, index): Film => ({
    videoId: `film-${index + 1}`,
    title: `How to choose ${faker.commerce.product().toLowerCase()}`,
    durationSeconds: faker.number.int({ min: 30, max: 600 }),
  }));
  const words = new Set(products.map((product) => product.name.split(' ').at(-1)?.toLowerCase() ?? ''));
  words.delete('');
  return { products, films, searchTerms: [...words].sort() };
}
