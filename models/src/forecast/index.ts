export {
  foresee,
  neededHistory,
  type Backtest,
  type Forecast,
  type ForecastInterval,
  type ForecastOptions,
  type ForecastPoint,
  type Seasonality,
} from './forecast.js';
