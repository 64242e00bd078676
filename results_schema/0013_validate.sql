-- in: results
-- Validation across tasks: what suppressing each task's critical set does to every task; rebuilt at will.

CREATE TABLE validation_effect(
  experiment         TEXT    NOT NULL,
  model              TEXT    NOT NULL,
  set_task           TEXT    NOT NULL,
  task               TEXT    NOT NULL,
  n                  INTEGER NOT NULL CHECK (n >= 1),
  n_random_sets      INTEGER NOT NULL CHECK (n_random_sets >= 1),
  baseline_accuracy  REAL    NOT NULL,
  accuracy           REAL    NOT NULL,
  random_accuracy    REAL    NOT NULL,
  difference         REAL    NOT NULL,
  ci_low             REAL,
  ci_high            REAL,
  p                  REAL    NOT NULL,
  holm_p             REAL    NOT NULL,
  hurts              INTEGER NOT NULL CHECK (hurts IN (0, 1)),
  PRIMARY KEY (experiment, model, set_task, task)
) STRICT, WITHOUT ROWID;

CREATE TABLE validation_class(
  experiment  TEXT    NOT NULL,
  model       TEXT    NOT NULL,
  set_task    TEXT    NOT NULL,
  n_neurons   INTEGER NOT NULL,
  n_tasks     INTEGER NOT NULL,
  n_hurt      INTEGER NOT NULL,
  hurts       TEXT    NOT NULL,
  class       TEXT    NOT NULL CHECK (class IN ('general', 'specific', 'partial', 'none')),
  PRIMARY KEY (experiment, model, set_task)
) STRICT, WITHOUT ROWID;
