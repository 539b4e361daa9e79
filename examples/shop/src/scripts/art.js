/** Drawings of the products, as SVG. Each takes the colour of its accent. */
const DRAWINGS = {
  bag: (accent) => `
    <path d="M62 46h76l10 116a8 8 0 0 1-8 8H60a8 8 0 0 1-8-8z" fill="#fffaf1"/>
    <path d="M62 46h76l-3 16H65z" fill="${accent}" opacity=".9"/>
    <path d="M66 40h68v8H66z" fill="#e3d8c4"/>
    <circle cx="100" cy="112" r="25" fill="${accent}" opacity=".16"/>
    <path d="M100 94c10 6 14 13 14 20a14 14 0 0 1-28 0c0-7 4-14 14-20z" fill="${accent}"/>
    <path d="M100 98c-4 8-4 20 0 29" stroke="#fffaf1" stroke-width="2.5" fill="none" stroke-linecap="round"/>
    <path d="M76 150h48" stroke="${accent}" stroke-width="3" stroke-linecap="round" opacity=".5"/>`,
  dripper: (accent) => `
    <path d="M46 58h108l-26 54H72z" fill="${accent}"/>
    <path d="M46 58h108l-4 9H50z" fill="#fff" opacity=".28"/>
    <path d="M150 68c22-4 26 26-10 30" stroke="${accent}" stroke-width="8" fill="none" stroke-linecap="round"/>
    <rect x="58" y="112" width="84" height="9" rx="4.5" fill="${accent}"/>
    <path d="M68 128h64v30a12 12 0 0 1-12 12H80a12 12 0 0 1-12-12z" fill="#fffaf1"/>
    <path d="M68 146h64v12a12 12 0 0 1-12 12H80a12 12 0 0 1-12-12z" fill="#6b3f22"/>
    <path d="M100 124v18" stroke="#6b3f22" stroke-width="3.5" stroke-linecap="round"/>`,
  kettle: (accent) => `
    <path d="M62 92h76l12 66a10 10 0 0 1-10 12H60a10 10 0 0 1-10-12z" fill="${accent}"/>
    <path d="M70 92h12l-8 78H60a10 10 0 0 1-10-12z" fill="#fff" opacity=".16"/>
    <ellipse cx="100" cy="90" rx="39" ry="9" fill="#5d6d6a"/>
    <circle cx="100" cy="78" r="7" fill="#c98a3a"/>
    <path d="M56 148C24 140 44 84 22 66" stroke="${accent}" stroke-width="9" fill="none" stroke-linecap="round"/>
    <path d="M140 104c40-6 38 50 8 50" stroke="#c98a3a" stroke-width="8" fill="none" stroke-linecap="round"/>`,
  scale: (accent) => `
    <rect x="40" y="122" width="120" height="40" rx="11" fill="${accent}"/>
    <rect x="46" y="112" width="108" height="12" rx="6" fill="#fffaf1"/>
    <rect x="98" y="132" width="50" height="20" rx="5" fill="#1d1726"/>
    <text x="143" y="147" font-family="ui-monospace,monospace" font-size="14" fill="#9ff0d9" text-anchor="end">18.0</text>
    <circle cx="58" cy="142" r="5" fill="#fff" opacity=".55"/><circle cx="76" cy="142" r="5" fill="#fff" opacity=".55"/>
    <path d="M76 74h48v26a12 12 0 0 1-12 12H88a12 12 0 0 1-12-12z" fill="#fffaf1"/>
    <path d="M124 80c16-2 16 20 0 20" stroke="#fffaf1" stroke-width="6" fill="none"/>
    <path d="M90 62c-5-7 5-10 0-17M104 62c-5-7 5-10 0-17" stroke="${accent}" stroke-width="3" fill="none" stroke-linecap="round" opacity=".5"/>`,
  grinder: (accent) => `
    <rect x="74" y="66" width="52" height="104" rx="10" fill="${accent}"/>
    <rect x="74" y="66" width="13" height="104" rx="6" fill="#fff" opacity=".2"/>
    <rect x="74" y="112" width="52" height="8" fill="#3b2a12" opacity=".35"/>
    <path d="M80 66c0-14 40-14 40 0z" fill="#3b3126"/>
    <path d="M100 56V44h54" stroke="#3b3126" stroke-width="6" fill="none" stroke-linecap="round" stroke-linejoin="round"/>
    <circle cx="156" cy="36" r="10" fill="#7a4a23"/>
    <g stroke="#fffaf1" stroke-width="2.5" opacity=".7"><path d="M90 150h20M90 158h20M90 142h20"/></g>`,
  cups: (accent) => `
    <path d="M44 108h66v30a24 24 0 0 1-24 24H68a24 24 0 0 1-24-24z" fill="${accent}"/>
    <path d="M44 108h66v8H44z" fill="#fff" opacity=".25"/>
    <path d="M110 114c20-2 20 28-2 28" stroke="${accent}" stroke-width="7" fill="none"/>
    <path d="M92 70h62v27a22 22 0 0 1-22 22h-18a22 22 0 0 1-22-22z" fill="#fffaf1"/>
    <ellipse cx="123" cy="71" rx="31" ry="6" fill="#8a5a33"/>
    <path d="M154 76c18-2 18 25-2 25" stroke="#fffaf1" stroke-width="7" fill="none"/>
    <path d="M38 168h92" stroke="${accent}" stroke-width="6" stroke-linecap="round" opacity=".35"/>`,
};

/**
 * @param {{ art: string, accent: string, name: string }} product
 * @returns {string} an `<svg>` element
 */
export function drawProduct({ art, accent, name }) {
  const draw = DRAWINGS[art];
  return `<svg viewBox="0 0 200 200" role="img" aria-label="${name}">
    <ellipse cx="100" cy="176" rx="62" ry="7" fill="#20302c" opacity=".1"/>${draw(accent)}</svg>`;
}
