export { createAnalyticsApi, type AnalyticsApi, type AnalyticsApiOptions } from './app.js';
export { DEFAULT_CONFIG, type AnalyticsApiConfig } from './api-context.js';
export { analyticsApiSettings, apiConfigOf, apiSettings } from './settings.js';
export { createAskSaved, type AskSavedOptions } from './saved/ask-saved.js';
