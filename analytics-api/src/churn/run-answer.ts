import type { ChurnModelAnswer, ChurnRun } from '@sluice/contracts';
import type { ChurnModelRow, ChurnRunRow, StoredMeasures } from '../questions/churn.js';

const DAY_MS = 86_400_000;

export function runOf(row: ChurnRunRow): ChurnRun {
  const { published_at, ...rest } = row;
  return { ...rest, published_at: published_at.toISOString() };
}

/** What is told of a model: how it was made and how good it would have been. */
export function modelAnswerOf(run: ChurnRunRow, model: ChurnModelRow): ChurnModelAnswer {
  return {
    run: runOf(run),
    model: {
      model_id: model.model_id,
      version: model.version,
      trained_at: model.created_at.toISOString(),
      known_through: model.known_through,
      people: model.people,
      share: model.share,
    },
    horizons: model.horizons.map(({ horizonDays, method, reason, trainingWindows, backTest }) => ({
      horizon: horizonDays,
      serves: method,
      reason,
      training_windows: trainingWindows.map((window) => ({
        cutoff: dateOf(window.cutoffDay),
        days: window.horizonDays,
        people: window.people,
        active: window.active,
      })),
      back_test:
        backTest === null
          ? null
          : {
              cutoff: dateOf(backTest.cutoffDay),
              days: backTest.horizonDays,
              people: backTest.people,
              churned: backTest.inactive,
              model: measuresOf(backTest.model),
              recency: measuresOf(backTest.recency),
              mbg_nbd: measuresOf(backTest.mbgNbd),
              calibration: backTest.calibrationTable.map((bin) => ({
                people: bin.people,
                lowest: bin.lowest,
                highest: bin.highest,
                mean_predicted: bin.meanPredicted,
                observed: bin.observed,
              })),
            },
    })),
  };
}

function measuresOf(
  measured: StoredMeasures,
): NonNullable<ChurnModelAnswer['horizons'][number]['back_test']>['model'] {
  return {
    people: measured.people,
    churned: measured.happened,
    auc: measured.auc,
    ece: measured.ece,
    brier: measured.brier,
    log_loss: measured.logLoss,
    lift_top_decile: measured.liftTopDecile,
  };
}

function dateOf(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}
