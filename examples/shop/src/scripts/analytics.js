/** The SDK as the pages use it: the script build, or its stub until that is there. */
export const analytics = window.sluice;

/**
 * Sends one of the built-in events: `Purchase`, `Video`, `Search` or `Login`. `Click` is sent for elements with
 * `data-sluice-event="Click"`.
 * @param {'Purchase' | 'Video' | 'Search' | 'Login'} event
 * @param {Record<string, unknown>} properties
 */
export function track(event, properties) {
  analytics.track(event, properties);
}
