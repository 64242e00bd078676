-- in: results, shard
-- Early warning: what monitors read as ranks measure it; the other tables are derived: only the reducer writes them, in
-- results.db.

CREATE TABLE monitor_reading(
  round_id      INTEGER NOT NULL,
  unit          INTEGER NOT NULL,
  seq           INTEGER NOT NULL,
  n_rows        INTEGER NOT NULL CHECK (n_rows >= 1),
  n             INTEGER NOT NULL CHECK (n >= 1 AND n % n_rows = 0),
  n_nonfinite   INTEGER NOT NULL CHECK (n_nonfinite BETWEEN 0 AND n),
  answer_token  INTEGER,
  readings      BLOB    NOT NULL CHECK (length(readings) = 4 * n),
  PRIMARY KEY (round_id, unit, seq),
  FOREIGN KEY (round_id, unit, seq) REFERENCES trace DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE monitor_quality(
  experiment  TEXT    NOT NULL,
  model       TEXT    NOT NULL,
  task        TEXT    NOT NULL,
  split       TEXT    NOT NULL,
  predictor   TEXT    NOT NULL,
  reading     TEXT    NOT NULL CHECK (reading IN ('after', 'last', 'highest')),
  tokens      INTEGER NOT NULL,
  n           INTEGER NOT NULL CHECK (n >= 1),
  n_failed    INTEGER NOT NULL,
  auroc       REAL,
  auroc_low   REAL,
  auroc_high  REAL,
  brier       REAL    NOT NULL,
  ece         REAL    NOT NULL,
  ece_low     REAL,
  ece_high    REAL,
  PRIMARY KEY (experiment, model, task, split, predictor, reading, tokens)
) STRICT, WITHOUT ROWID;

CREATE TABLE monitor_alarm(
  experiment        TEXT    NOT NULL,
  model             TEXT    NOT NULL,
  task              TEXT    NOT NULL,
  split             TEXT    NOT NULL,
  predictor         TEXT    NOT NULL,
  rate              REAL    NOT NULL CHECK (rate > 0 AND rate < 1),
  threshold         REAL    NOT NULL,
  n_right           INTEGER NOT NULL,
  false_alarms      INTEGER NOT NULL,
  false_rate        REAL,
  false_low         REAL,
  false_high        REAL,
  n_failed          INTEGER NOT NULL,
  found             INTEGER NOT NULL,
  found_rate        REAL,
  found_low         REAL,
  found_high        REAL,
  found_before      INTEGER NOT NULL,
  lead_answer       REAL,
  lead_answer_low   REAL,
  lead_answer_high  REAL,
  lead_end          REAL,
  lead_end_low      REAL,
  lead_end_high     REAL,
  PRIMARY KEY (experiment, model, task, split, predictor, rate)
) STRICT, WITHOUT ROWID;

CREATE TABLE monitor_risk(
  experiment  TEXT    NOT NULL,
  model       TEXT    NOT NULL,
  task        TEXT    NOT NULL,
  item        TEXT    NOT NULL,
  tokens      INTEGER NOT NULL,
  split       TEXT    NOT NULL,
  failed      INTEGER NOT NULL CHECK (failed IN (0, 1)),
  risk        REAL    NOT NULL CHECK (risk BETWEEN 0 AND 1),
  PRIMARY KEY (experiment, model, task, item, tokens)
) STRICT, WITHOUT ROWID;

CREATE TABLE monitor_fit(
  experiment     TEXT    NOT NULL,
  model          TEXT    NOT NULL,
  predictor      TEXT    NOT NULL,
  tokens         INTEGER NOT NULL,
  exported       INTEGER NOT NULL CHECK (exported IN (0, 1)),
  every          INTEGER NOT NULL CHECK (every >= 1),
  n_train        INTEGER NOT NULL,
  n_validate     INTEGER NOT NULL,
  n_features     INTEGER NOT NULL,
  penalty        REAL    NOT NULL,
  train_loss     REAL    NOT NULL,
  validate_loss  REAL    NOT NULL,
  intercept      REAL    NOT NULL,
  slope          REAL    NOT NULL,
  shift          REAL    NOT NULL,
  PRIMARY KEY (experiment, model, predictor, tokens)
) STRICT, WITHOUT ROWID;

CREATE TABLE monitor_weight(
  experiment  TEXT    NOT NULL,
  model       TEXT    NOT NULL,
  tokens      INTEGER NOT NULL,
  signal      TEXT    NOT NULL,
  layer       INTEGER NOT NULL,
  neuron      INTEGER NOT NULL,
  center      REAL    NOT NULL,
  scale       REAL    NOT NULL,
  weight      REAL    NOT NULL,
  PRIMARY KEY (experiment, model, tokens, signal, layer, neuron)
) STRICT, WITHOUT ROWID;
