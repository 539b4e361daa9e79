export type { Forecast, ForecastOptions, ForecastPoint } from './forecast.js';
