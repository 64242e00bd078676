-- in: results, shard
-- Identification side by side: last activations and geometry of traces as ranks measure them; the other tables are
-- derived: only reducers write them, in results.db.

CREATE TABLE activation_last(
  round_id     INTEGER NOT NULL,
  unit         INTEGER NOT NULL,
  seq          INTEGER NOT NULL,
  n            INTEGER NOT NULL CHECK (n >= 1),
  n_nonfinite  INTEGER NOT NULL CHECK (n_nonfinite BETWEEN 0 AND n),
  last_values  BLOB    NOT NULL CHECK (length(last_values) = 4 * n),
  PRIMARY KEY (round_id, unit, seq),
  FOREIGN KEY (round_id, unit, seq) REFERENCES trace DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE trace_geometry(
  round_id   INTEGER NOT NULL,
  unit       INTEGER NOT NULL,
  seq        INTEGER NOT NULL,
  n_tokens   INTEGER NOT NULL CHECK (n_tokens >= 1),
  magnitude  REAL    NOT NULL,
  angle      REAL    NOT NULL,
  PRIMARY KEY (round_id, unit, seq),
  FOREIGN KEY (round_id, unit, seq) REFERENCES trace DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE trace_agreement(
  experiment       TEXT    NOT NULL,
  model            TEXT    NOT NULL,
  task             TEXT    NOT NULL,
  n_items          INTEGER NOT NULL,
  n_traces         INTEGER NOT NULL,
  n_correct        INTEGER NOT NULL,
  items_correct    INTEGER NOT NULL,
  items_incorrect  INTEGER NOT NULL,
  items_mixed      INTEGER NOT NULL,
  items_complete   INTEGER,
  n_pairs          INTEGER NOT NULL,
  PRIMARY KEY (experiment, model, task)
) STRICT, WITHOUT ROWID;

CREATE TABLE geometry_contrast(
  experiment  TEXT    NOT NULL,
  model       TEXT    NOT NULL,
  task        TEXT    NOT NULL,
  measure     TEXT    NOT NULL CHECK (measure IN ('magnitude', 'angle', 'tokens')),
  n           INTEGER NOT NULL CHECK (n >= 1),
  correct     REAL    NOT NULL,
  incorrect   REAL    NOT NULL,
  difference  REAL    NOT NULL,
  ci_low      REAL,
  ci_high     REAL,
  p           REAL,
  PRIMARY KEY (experiment, model, task, measure)
) STRICT, WITHOUT ROWID;

CREATE TABLE neuron_score(
  experiment  TEXT    NOT NULL,
  model       TEXT    NOT NULL,
  task        TEXT    NOT NULL,
  layer       INTEGER NOT NULL,
  neuron      INTEGER NOT NULL,
  score       REAL    NOT NULL,
  PRIMARY KEY (experiment, model, task, layer, neuron)
) STRICT, WITHOUT ROWID;

CREATE TABLE probe_fit(
  experiment   TEXT    NOT NULL,
  model        TEXT    NOT NULL,
  task         TEXT    NOT NULL,
  n_traces     INTEGER NOT NULL,
  n_correct    INTEGER NOT NULL,
  n_items      INTEGER NOT NULL,
  n_features   INTEGER NOT NULL,
  n_nonzero    INTEGER NOT NULL,
  c            REAL    NOT NULL,
  folds        INTEGER NOT NULL,
  auroc        REAL    NOT NULL,
  auroc_low    REAL,
  auroc_high   REAL,
  within_item  REAL,
  train_auroc  REAL    NOT NULL,
  kkt          REAL    NOT NULL,
  PRIMARY KEY (experiment, model, task)
) STRICT, WITHOUT ROWID;

CREATE TABLE probe_fold(
  experiment  TEXT    NOT NULL,
  model       TEXT    NOT NULL,
  task        TEXT    NOT NULL,
  c           REAL    NOT NULL,
  fold        INTEGER NOT NULL,
  n           INTEGER NOT NULL,
  n_nonzero   INTEGER NOT NULL,
  auroc       REAL,
  PRIMARY KEY (experiment, model, task, c, fold)
) STRICT, WITHOUT ROWID;

CREATE TABLE method_overlap(
  experiment        TEXT    NOT NULL,
  model             TEXT    NOT NULL,
  task              TEXT    NOT NULL,
  method_a          TEXT    NOT NULL,
  method_b          TEXT    NOT NULL,
  n_a               INTEGER NOT NULL,
  n_b               INTEGER NOT NULL,
  shared            INTEGER NOT NULL,
  jaccard           REAL    NOT NULL,
  rank_correlation  REAL,
  PRIMARY KEY (experiment, model, task, method_a, method_b)
) STRICT, WITHOUT ROWID;

CREATE TABLE method_quality(
  experiment        TEXT    NOT NULL,
  model             TEXT    NOT NULL,
  task              TEXT    NOT NULL,
  method            TEXT    NOT NULL,
  source            TEXT    NOT NULL,
  n_neurons         INTEGER NOT NULL,
  truth             TEXT,
  recall            REAL,
  n_items           INTEGER,
  mean_effect       REAL,
  ci_low            REAL,
  ci_high           REAL,
  random_effect     REAL,
  difference        REAL,
  difference_low    REAL,
  difference_high   REAL,
  p                 REAL,
  rank_correlation  REAL,
  stability         REAL,
  stability_low     REAL,
  stability_high    REAL,
  n_resamples       INTEGER NOT NULL,
  PRIMARY KEY (experiment, model, task, method)
) STRICT, WITHOUT ROWID;
