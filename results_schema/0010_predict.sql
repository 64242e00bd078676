-- in: results, shard
-- Prediction of failure from prompts: activations as ranks measure them; the other tables are derived: only the
-- reducer writes them, in results.db.

CREATE TABLE prompt_activation(
  round_id     INTEGER NOT NULL,
  unit         INTEGER NOT NULL,
  seq          INTEGER NOT NULL CHECK (seq >= 0),
  model        TEXT    NOT NULL,
  task         TEXT    NOT NULL,
  item         TEXT    NOT NULL,
  n_tokens     INTEGER NOT NULL CHECK (n_tokens >= 1),
  n_rows       INTEGER NOT NULL CHECK (n_rows IN (1, n_tokens)),
  n            INTEGER NOT NULL CHECK (n >= 1 AND n % n_rows = 0),
  n_nonfinite  INTEGER NOT NULL CHECK (n_nonfinite BETWEEN 0 AND n),
  activations  BLOB    NOT NULL CHECK (length(activations) = 4 * n),
  PRIMARY KEY (round_id, unit, seq),
  FOREIGN KEY (round_id, unit) REFERENCES unit DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE failure_prediction(
  experiment  TEXT NOT NULL,
  model       TEXT NOT NULL,
  task        TEXT NOT NULL,
  item        TEXT NOT NULL,
  split       TEXT NOT NULL,
  failed      REAL NOT NULL CHECK (failed BETWEEN 0 AND 1),
  p_fail      REAL NOT NULL CHECK (p_fail BETWEEN 0 AND 1),
  PRIMARY KEY (experiment, model, task, item)
) STRICT, WITHOUT ROWID;

CREATE TABLE prediction_quality(
  experiment     TEXT    NOT NULL,
  model          TEXT    NOT NULL,
  task           TEXT    NOT NULL,
  split          TEXT    NOT NULL,
  predictor      TEXT    NOT NULL,
  n              INTEGER NOT NULL CHECK (n >= 1),
  n_failed       REAL    NOT NULL,
  auroc          REAL,
  auroc_low      REAL,
  auroc_high     REAL,
  brier          REAL    NOT NULL,
  ece            REAL    NOT NULL,
  ece_low        REAL    NOT NULL,
  ece_high       REAL    NOT NULL,
  repeat_auroc   REAL,
  ceiling_auroc  REAL,
  threshold      REAL    NOT NULL,
  sensitivity    REAL,
  specificity    REAL,
  PRIMARY KEY (experiment, model, task, split, predictor)
) STRICT, WITHOUT ROWID;

CREATE TABLE predictor_fit(
  experiment       TEXT    NOT NULL,
  model            TEXT    NOT NULL,
  predictor        TEXT    NOT NULL,
  n_train          INTEGER NOT NULL,
  n_validate       INTEGER NOT NULL,
  n_features       INTEGER NOT NULL,
  setting          REAL    NOT NULL,
  epochs           INTEGER NOT NULL,
  train_loss       REAL    NOT NULL,
  validate_loss    REAL    NOT NULL,
  slope            REAL    NOT NULL,
  intercept        REAL    NOT NULL,
  PRIMARY KEY (experiment, model, predictor)
) STRICT, WITHOUT ROWID;
