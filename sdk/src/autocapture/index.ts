export { clicks } from './clicks.js';
export { DOWNLOAD_EXTENSIONS, downloads, type DownloadsOptions } from './downloads.js';
export { errors, type ErrorsOptions } from './errors.js';
export { forms } from './forms.js';
export { outboundLinks, type OutboundLinksOptions } from './outbound-links.js';
export { pageViews, type PageViewsOptions } from './page-views.js';
export { rageClicks, type RageClicksOptions } from './rage-clicks.js';
export { scroll, type ScrollOptions } from './scroll.js';
export { webVitals } from './web-vitals.js';
