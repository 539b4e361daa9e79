'use client';

export { NextPageViews, type NextPageViewsProps } from './next-page-views.js';
export { SluiceProvider, type SluiceProviderProps } from './provider.js';
export { useAnalytics } from './use-analytics.js';
export { usePageViews, type Search } from './use-page-views.js';
export { useTrack } from './use-track.js';
