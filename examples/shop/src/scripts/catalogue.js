/**
 * What the shop sells. Prices are in euros; `art` names a drawing of `art.js`, `tint` the colour behind it.
 * @typedef {{ sku: string, name: string, category: string, price: number, unit: string, art: string, tint: string,
 *   accent: string, line: string, about: string }} Product
 */

/** @type {readonly Product[]} */
export const PRODUCTS = [
  {
    sku: 'beans-guji',
    name: 'Guji Natural',
    category: 'Beans',
    price: 16.5,
    unit: '250 g',
    art: 'bag',
    tint: '#f3dccb',
    accent: '#b4512f',
    line: 'Ethiopia · blueberry, cocoa, jasmine',
    about:
      'Dried in the fruit for three weeks on raised beds above Hambela. Sweet and loud as a filter, wild as an espresso.',
  },
  {
    sku: 'beans-huila',
    name: 'Huila Washed',
    category: 'Beans',
    price: 14.9,
    unit: '250 g',
    art: 'bag',
    tint: '#dfe6cf',
    accent: '#5f7d3b',
    line: 'Colombia · red apple, caramel, lime',
    about:
      'Twelve families around Pitalito, one wet mill, one clean cup. The coffee we drink when nobody is watching.',
  },
  {
    sku: 'beans-cauca-decaf',
    name: 'Cauca Decaf',
    category: 'Beans',
    price: 15.5,
    unit: '250 g',
    art: 'bag',
    tint: '#dcdff0',
    accent: '#4b5a96',
    line: 'Colombia · panela, orange, malt',
    about: 'Decaffeinated with sugar cane before roasting. For the second pot, and for the evening.',
  },
  {
    sku: 'weir-dripper',
    name: 'Weir Dripper',
    category: 'Brewing',
    price: 28,
    unit: 'for 1–2 cups',
    art: 'dripper',
    tint: '#d3e6e3',
    accent: '#1f6f6b',
    line: 'Stoneware · flat bed, three outlets',
    about:
      'A flat bed and three small outlets let water go at the pace of the bed, not of your wrist. Glazed by hand, so no two are alike.',
  },
  {
    sku: 'heron-kettle',
    name: 'Heron Kettle',
    category: 'Brewing',
    price: 79,
    unit: '0.9 l',
    art: 'kettle',
    tint: '#e9e2d3',
    accent: '#3b4a48',
    line: 'Brushed steel · gooseneck',
    about:
      'A spout that pours a thread or a stream and stops where you stop. Goes on gas, induction and camp fires.',
  },
  {
    sku: 'float-scale',
    name: 'Float Scale',
    category: 'Brewing',
    price: 45,
    unit: '0.1 g',
    art: 'scale',
    tint: '#e4dcec',
    accent: '#6a4c8c',
    line: 'Weighs and times in one',
    about:
      'Tares itself when the cup is on it, starts its clock at the first drop, and lasts a year on a charge.',
  },
  {
    sku: 'burr-no-2',
    name: 'Burr No. 2',
    category: 'Grinders',
    price: 119,
    unit: '38 mm steel burrs',
    art: 'grinder',
    tint: '#f2e3bf',
    accent: '#a5701c',
    line: 'Hand grinder · 60 clicks',
    about:
      'From moka to French press in sixty clicks you can feel. Thirty turns for a cup, and quiet enough for the sleeping.',
  },
  {
    sku: 'lock-cups',
    name: 'Lock Cups',
    category: 'Cups',
    price: 32,
    unit: 'pair, 180 ml',
    art: 'cups',
    tint: '#d7e3ee',
    accent: '#2f6290',
    line: 'Stoneware · stackable',
    about: 'Two cups that lock into one another on the shelf and keep a flat white warm to its end.',
  },
];

export const CATEGORIES = [...new Set(PRODUCTS.map(({ category }) => category))];

/** @param {string | null} sku */
export function findProduct(sku) {
  return PRODUCTS.find((product) => product.sku === sku);
}

/**
 * The products that have every word of the query in their texts; all of them for an empty query.
 * @param {string} query
 * @param {string} category '' for all
 */
export function searchProducts(query, category) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return PRODUCTS.filter((product) => {
    const text = `${product.name} ${product.category} ${product.line} ${product.about}`.toLowerCase();
    return (category === '' || product.category === category) && words.every((word) => text.includes(word));
  });
}

/** @param {number} amount */
export function formatPrice(amount) {
  return new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' }).format(amount);
}
