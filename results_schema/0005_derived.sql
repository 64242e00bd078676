-- in: results
-- What reducers compute from measured rows; rebuilt at will, no part of the content hash.

CREATE TABLE contrast_score(
  experiment      TEXT    NOT NULL,
  model           TEXT    NOT NULL,
  task            TEXT    NOT NULL,
  layer           INTEGER NOT NULL,
  neuron          INTEGER NOT NULL,
  n_pairs         INTEGER NOT NULL,
  score           REAL    NOT NULL,
  mean_correct    REAL    NOT NULL,
  mean_incorrect  REAL    NOT NULL,
  sign_flip       INTEGER NOT NULL CHECK (sign_flip IN (0, 1)),
  rank_no         INTEGER,
  PRIMARY KEY (experiment, model, task, layer, neuron)
) STRICT, WITHOUT ROWID;

CREATE TABLE neuron_effect(
  experiment  TEXT    NOT NULL,
  model       TEXT    NOT NULL,
  task        TEXT    NOT NULL,
  metric      TEXT    NOT NULL,
  layer       INTEGER NOT NULL,
  neuron      INTEGER NOT NULL,
  op          TEXT    NOT NULL,
  role        TEXT    NOT NULL CHECK (role IN ('candidate', 'control')),
  n           INTEGER NOT NULL,
  mean        REAL    NOT NULL,
  sd          REAL,
  ci_low      REAL,
  ci_high     REAL,
  p           REAL,
  q           REAL,
  rank_no     INTEGER,
  critical    INTEGER NOT NULL CHECK (critical IN (0, 1)),
  PRIMARY KEY (experiment, model, task, metric, layer, neuron, op, role)
) STRICT, WITHOUT ROWID;

CREATE TABLE neuron_class(
  experiment        TEXT    NOT NULL,
  model             TEXT    NOT NULL,
  layer             INTEGER NOT NULL,
  neuron            INTEGER NOT NULL,
  n_tasks_critical  INTEGER NOT NULL,
  tasks             TEXT    NOT NULL,
  class             TEXT    NOT NULL CHECK (class IN ('general', 'specific', 'none')),
  PRIMARY KEY (experiment, model, layer, neuron)
) STRICT, WITHOUT ROWID;

CREATE TABLE critical_set(
  experiment  TEXT    NOT NULL,
  model       TEXT    NOT NULL,
  task        TEXT    NOT NULL,
  rank_no     INTEGER NOT NULL CHECK (rank_no >= 1),
  layer       INTEGER NOT NULL,
  neuron      INTEGER NOT NULL,
  score       REAL    NOT NULL,
  source      TEXT    NOT NULL,
  PRIMARY KEY (experiment, model, task, rank_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE set_effect(
  experiment         TEXT    NOT NULL,
  model              TEXT    NOT NULL,
  task               TEXT    NOT NULL,
  set_name           TEXT    NOT NULL,
  n                  INTEGER NOT NULL,
  accuracy           REAL    NOT NULL,
  accuracy_low       REAL    NOT NULL,
  accuracy_high      REAL    NOT NULL,
  baseline_accuracy  REAL    NOT NULL,
  accuracy_change    REAL    NOT NULL,
  mcnemar_p          REAL,
  logprob_change     REAL,
  logprob_low        REAL,
  logprob_high       REAL,
  wilcoxon_p         REAL,
  PRIMARY KEY (experiment, model, task, set_name)
) STRICT, WITHOUT ROWID;

CREATE TABLE set_contrast(
  experiment         TEXT    NOT NULL,
  model              TEXT    NOT NULL,
  task               TEXT    NOT NULL,
  n                  INTEGER NOT NULL,
  critical_accuracy  REAL    NOT NULL,
  random_accuracy    REAL    NOT NULL,
  difference         REAL    NOT NULL,
  ci_low             REAL,
  ci_high            REAL,
  p                  REAL,
  n_random_sets      INTEGER NOT NULL CHECK (n_random_sets >= 1),
  PRIMARY KEY (experiment, model, task)
) STRICT, WITHOUT ROWID;
